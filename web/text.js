/*
 * Every sentence of the dashboard, in English and in 中文, and the switch between them.
 *
 * A text may hold {names}; t('growth.more', {n: 3}) fills them.  A key that a language lacks is returned as it is, so
 * a missing translation is seen and nothing breaks; the page's test compares the two sets of keys.
 */

const KEY = 'millrace.language';

export const LANGUAGES = ['en', 'zh-CN'];

export const TEXTS = {
    en: {
        'skip': 'Skip to content',
        'nav.label': 'Pages',
        'nav.overview': 'Overview',
        'nav.recommendations': 'Recommendations',
        'nav.growth': 'Growth',
        'nav.trends': 'Trends',
        'switch.language': 'Switch the language to Chinese',
        'switch.dark': 'Switch to the dark theme',
        'switch.light': 'Switch to the light theme',
        'live.waiting': 'Connecting',
        'live.live': 'Live',
        'live.lost': 'Reconnecting',
        'notice.unreachable': 'Cannot reach the engine, retrying.',
        'notice.answered': 'The engine answers with an error, retrying.',
        'notice.shown': 'The numbers on this page are the last ones received.',
        'loading': 'Loading…',
        'problem.title': 'That did not work',
        'problem.denied': 'This page needs a key with the right role.',

        'overview.title': 'Overview',
        'overview.lead': 'What the engine is doing right now.',
        'overview.rate': 'Events per second',
        'overview.rate_chart': 'Events per second over the last five minutes; now {now}, at most {most}.',
        'overview.ready': 'Readiness',
        'overview.is_ready': 'Ready',
        'overview.not_ready': 'Not ready',
        'overview.no_checks': 'The engine names no checks.',
        'overview.events': 'Events applied',
        'overview.lag': 'Lag',
        'overview.lag_note': 'events waiting',
        'overview.revenue': 'Revenue',
        'overview.revenue_note': 'net of refunds',
        'overview.users': 'Users',
        'overview.customers': '{n} customers',
        'overview.items': 'Items',
        'overview.items_note': 'in the catalogue',
        'overview.cache': 'Cache hits',
        'overview.cache_note': 'of recommendation requests',
        'overview.degraded': 'Degraded answers',
        'overview.degraded_note': 'something was missing',
        'overview.model': 'Model',
        'overview.model_age': 'built {ago}',
        'overview.no_model': 'none loaded yet',
        'overview.now': 'now',
        'overview.seconds_ago': '−{n} s',
        'overview.minutes_ago': '−{n} min',

        'recommendations.title': 'Recommendations',
        'recommendations.lead': 'Exactly what the shop would show this person, and why.',
        'recommendations.user': 'User id',
        'recommendations.count': 'Items',
        'recommendations.ask': 'Recommend',
        'recommendations.examples': 'For example',
        'recommendations.start': 'Whose recommendations?',
        'recommendations.start_text': 'Type a user id above, or choose one of the examples.',
        'recommendations.for': 'For {user}',
        'recommendations.none': 'Nothing to recommend',
        'recommendations.none_text': 'The placement’s rules leave no item for this user.',
        'recommendations.personal': 'personal',
        'recommendations.fallback': 'not personal: {name}',
        'recommendations.degraded': 'degraded: {reason}',
        'recommendations.from': 'from {place}',
        'recommendations.took': 'took {time}',
        'recommendations.model': 'model {version}',
        'recommendations.profile_as_of': 'profile of {time}',
        'recommendations.score': 'Score {score}',
        'recommendations.similar': 'Similar',
        'recommendations.similar_to': 'Items similar to {item}',
        'recommendations.no_similar': 'No similar items are known for this one yet.',

        'profile.title': 'Profile',
        'profile.unknown': 'A new visitor',
        'profile.unknown_text': 'The engine has seen no event of this user.',
        'profile.recency': 'Last seen',
        'profile.frequency': 'Orders',
        'profile.monetary': 'Spent',
        'profile.events': 'Events',
        'profile.first': 'First seen',
        'profile.stage': 'Stage',
        'profile.churn': 'Churn risk',
        'profile.recent': 'Recent items',
        'profile.features': 'Features',
        'profile.no_recent': 'No items yet.',

        'growth.title': 'Growth',
        'growth.lead': 'Customers who are drifting away, while there is still time to act.',
        'growth.feed': 'Churn alerts',
        'growth.filter': 'Filter by tier',
        'growth.tier': 'Tier',
        'growth.user': 'User',
        'growth.probability': 'Probability',
        'growth.reasons': 'Why',
        'growth.value': 'Value at risk',
        'growth.when': 'When',
        'growth.at_risk': '{money} at risk',
        'growth.none': 'No alerts',
        'growth.none_text': 'Nobody has changed tier yet. Alerts appear here as soon as somebody does.',
        'growth.older': 'Load more',
        'growth.open': 'Recommendations for {user}',

        'tier.all': 'All',
        'tier.critical': 'Critical',
        'tier.at_risk': 'At risk',
        'tier.watch': 'Watch',
        'tier.recovered': 'Recovered',
        'tier.none': 'None',

        'trends.title': 'Trends',
        'trends.lead': 'What people want now, and what they will want next.',
        'trends.filter': 'Kind of trend',
        'trends.items': 'Items',
        'trends.hot': 'Hot now',
        'trends.popular': 'Popular',
        'trends.rising': 'Rising',
        'trends.hot_note': 'weight of recent actions, fading with time',
        'trends.popular_note': 'weight of all actions',
        'trends.rising_note': 'more than their usual share',
        'trends.rank': 'Rank',
        'trends.item': 'Item',
        'trends.category': 'Category',
        'trends.price': 'Price',
        'trends.score': 'Score',
        'trends.none': 'No trend yet',
        'trends.none_text': 'Too few events have been seen to rank items.',

        'source.item_item': 'Often together',
        'source.ials': 'Taste',
        'source.blend': 'Taste and habits',
        'source.popular': 'Popular',
        'source.trending': 'Trending',
        'source.session': 'This visit',
        'source.content': 'Alike',
        'source.repeat': 'Buy again',
        'source.pinned': 'Pinned',
        'served.cache': 'the cache',
        'served.live': 'live scoring',
        'served.memory': 'memory',
        'served.session': 'the visit',
        'action.view': 'viewed',
        'action.click': 'clicked',
        'action.cart_add': 'put in the cart',
        'action.cart_remove': 'taken out',
        'action.wishlist': 'wished for',
        'action.purchase': 'bought',
        'action.refund': 'returned',
        'action.rate': 'rated',
        'action.review': 'reviewed',
        'action.share': 'shared',
    },

    'zh-CN': {
        'skip': '跳到正文',
        'nav.label': '页面',
        'nav.overview': '总览',
        'nav.recommendations': '推荐',
        'nav.growth': '增长',
        'nav.trends': '趋势',
        'switch.language': '切换到英文',
        'switch.dark': '切换到深色主题',
        'switch.light': '切换到浅色主题',
        'live.waiting': '连接中',
        'live.live': '实时',
        'live.lost': '重新连接中',
        'notice.unreachable': '无法连接引擎，正在重试。',
        'notice.answered': '引擎返回错误，正在重试。',
        'notice.shown': '页面上显示的是最后一次收到的数据。',
        'loading': '加载中…',
        'problem.title': '请求没有成功',
        'problem.denied': '查看此页需要具有相应角色的密钥。',

        'overview.title': '总览',
        'overview.lead': '引擎此刻的运行情况。',
        'overview.rate': '每秒事件数',
        'overview.rate_chart': '最近五分钟的每秒事件数；当前 {now}，最高 {most}。',
        'overview.ready': '就绪检查',
        'overview.is_ready': '就绪',
        'overview.not_ready': '未就绪',
        'overview.no_checks': '引擎没有列出检查项。',
        'overview.events': '已处理事件',
        'overview.lag': '积压',
        'overview.lag_note': '条事件等待处理',
        'overview.revenue': '营收',
        'overview.revenue_note': '已扣除退款',
        'overview.users': '用户',
        'overview.customers': '其中 {n} 位顾客',
        'overview.items': '商品',
        'overview.items_note': '目录中的商品数',
        'overview.cache': '缓存命中率',
        'overview.cache_note': '占推荐请求的比例',
        'overview.degraded': '降级应答率',
        'overview.degraded_note': '缺少某个数据来源',
        'overview.model': '模型',
        'overview.model_age': '构建于{ago}',
        'overview.no_model': '尚未加载模型',
        'overview.now': '现在',
        'overview.seconds_ago': '−{n} 秒',
        'overview.minutes_ago': '−{n} 分',

        'recommendations.title': '推荐',
        'recommendations.lead': '商店会向这位用户展示什么，以及原因。',
        'recommendations.user': '用户编号',
        'recommendations.count': '数量',
        'recommendations.ask': '推荐',
        'recommendations.examples': '例如',
        'recommendations.start': '为谁推荐？',
        'recommendations.start_text': '在上方输入用户编号，或选择一个示例。',
        'recommendations.for': '为 {user} 推荐',
        'recommendations.none': '没有可推荐的商品',
        'recommendations.none_text': '按此展位的规则，没有适合这位用户的商品。',
        'recommendations.personal': '个性化',
        'recommendations.fallback': '非个性化：{name}',
        'recommendations.degraded': '降级：{reason}',
        'recommendations.from': '来自{place}',
        'recommendations.took': '耗时 {time}',
        'recommendations.model': '模型 {version}',
        'recommendations.profile_as_of': '画像时间 {time}',
        'recommendations.score': '得分 {score}',
        'recommendations.similar': '相似',
        'recommendations.similar_to': '与 {item} 相似的商品',
        'recommendations.no_similar': '暂时没有已知的相似商品。',

        'profile.title': '用户画像',
        'profile.unknown': '新访客',
        'profile.unknown_text': '引擎还没有收到这位用户的任何事件。',
        'profile.recency': '最近活跃',
        'profile.frequency': '订单数',
        'profile.monetary': '消费金额',
        'profile.events': '事件数',
        'profile.first': '首次出现',
        'profile.stage': '阶段',
        'profile.churn': '流失风险',
        'profile.recent': '最近的商品',
        'profile.features': '特征',
        'profile.no_recent': '还没有商品记录。',

        'growth.title': '增长',
        'growth.lead': '趁还来得及，找出正在流失的顾客。',
        'growth.feed': '流失预警',
        'growth.filter': '按等级筛选',
        'growth.tier': '等级',
        'growth.user': '用户',
        'growth.probability': '概率',
        'growth.reasons': '原因',
        'growth.value': '风险金额',
        'growth.when': '时间',
        'growth.at_risk': '风险金额 {money}',
        'growth.none': '没有预警',
        'growth.none_text': '还没有用户的等级发生变化。一旦变化，预警会立即显示在这里。',
        'growth.older': '加载更多',
        'growth.open': '查看 {user} 的推荐',

        'tier.all': '全部',
        'tier.critical': '危急',
        'tier.at_risk': '有风险',
        'tier.watch': '关注',
        'tier.recovered': '已恢复',
        'tier.none': '无',

        'trends.title': '趋势',
        'trends.lead': '大家现在想要什么，接下来会想要什么。',
        'trends.filter': '趋势类型',
        'trends.items': '商品',
        'trends.hot': '正热门',
        'trends.popular': '最受欢迎',
        'trends.rising': '上升中',
        'trends.hot_note': '近期行为的权重，随时间衰减',
        'trends.popular_note': '全部行为的权重',
        'trends.rising_note': '超出平时的份额',
        'trends.rank': '排名',
        'trends.item': '商品',
        'trends.category': '类别',
        'trends.price': '价格',
        'trends.score': '得分',
        'trends.none': '还没有趋势',
        'trends.none_text': '事件太少，还不能为商品排名。',

        'source.item_item': '常一起购买',
        'source.ials': '口味',
        'source.blend': '口味与习惯',
        'source.popular': '热门',
        'source.trending': '趋势',
        'source.session': '本次访问',
        'source.content': '相似内容',
        'source.repeat': '再次购买',
        'source.pinned': '置顶',
        'served.cache': '缓存',
        'served.live': '实时计算',
        'served.memory': '内存',
        'served.session': '本次访问',
        'action.view': '浏览',
        'action.click': '点击',
        'action.cart_add': '加入购物车',
        'action.cart_remove': '移出购物车',
        'action.wishlist': '收藏',
        'action.purchase': '购买',
        'action.refund': '退货',
        'action.rate': '评分',
        'action.review': '评价',
        'action.share': '分享',
    },
};

let chosen = 'en';

function remembered() {
    try {
        return localStorage.getItem(KEY);
    } catch {
        return null; // storage may be forbidden
    }
}

export const language = () => chosen;

export function t(key, values = {}) {
    const text = TEXTS[chosen][key] ?? key;
    return text.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}

/* The remembered language, else the browser's. */
export function startLanguage() {
    const stored = remembered();
    if (LANGUAGES.includes(stored)) chosen = stored;
    else chosen = navigator.language.toLowerCase().startsWith('zh') ? 'zh-CN' : 'en';
    applyTexts();
}

export function toggleLanguage() {
    chosen = chosen === 'en' ? 'zh-CN' : 'en';
    try {
        localStorage.setItem(KEY, chosen);
    } catch {
        // then it lasts as long as the page
    }
    applyTexts();
}

/* The page's own words: data-text is an element's text, data-label its aria-label. */
function applyTexts() {
    document.documentElement.lang = chosen;
    for (const node of document.querySelectorAll('[data-text]')) node.textContent = t(node.dataset.text);
    for (const node of document.querySelectorAll('[data-label]')) node.setAttribute('aria-label', t(node.dataset.label));
}
