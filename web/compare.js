/*
 * What rules did to a list: for each item of both, where it was and where it is.
 */

/*
 * {before, after, moved, entered, left}: `before` and `after` map an item's id to its mark there,
 * {kind: 'same' | 'up' | 'down' | 'entered' | 'left', was, is}, with positions from 1.
 */
export function compare(beforeItems, afterItems) {
    const was = new Map(beforeItems.map(({id}, index) => [id, index + 1]));
    const is = new Map(afterItems.map(({id}, index) => [id, index + 1]));
    const mark = (id) => {
        const [from, to] = [was.get(id), is.get(id)];
        if (from === undefined) return {kind: 'entered', is: to};
        if (to === undefined) return {kind: 'left', was: from};
        return {kind: to < from ? 'up' : to > from ? 'down' : 'same', was: from, is: to};
    };
    const before = new Map([...was.keys()].map((id) => [id, mark(id)]));
    const after = new Map([...is.keys()].map((id) => [id, mark(id)]));
    const count = (marks, ...kinds) => [...marks.values()].filter(({kind}) => kinds.includes(kind)).length;
    return {before, after, moved: count(after, 'up', 'down'), entered: count(after, 'entered'), left: count(before, 'left')};
}
