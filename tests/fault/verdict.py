"""What answers must be like while servers fail, and when.

Of each answer: a 200 with a whole page; for a known user a personal one, from that user's own profile, with every
event that was accepted a moment before; for a new visitor what is popular, and said so; nothing that is hidden, sold
out, bought or excluded.  Of a fault's course: how soon answers are quick again and say what is wrong, how soon they
say no more that something is wrong once it is not, and how long the slowest hundredth took in each part.
"""
import json
from dataclasses import dataclass, field

from shop import GROUPS, HIDDEN, SHOWN, SOLD_OUT, group_of

P99_SECONDS_MAX = 0.050
OPENED_SECONDS_MAX = 0.100
CLOSED_SECONDS_MAX = 2.0
QUICK_SECONDS = 0.005
OWNER_OUT_SHARE_MAX = 0.02  # of answers that could not wait for the owner
FRESH_SECONDS = 0.5  # after it was accepted an event shows in every answer
SHOWN_PROBLEMS = 8


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


def problems_of(shop, answer, body, reasons):
    """Everything that is wrong with one answer, whenever it came.  `reasons`: what it may be degraded for; empty: anything."""
    if answer.status != 200:
        return [f"status {answer.status or 'none'}: {answer.body[:120]!r}"]
    ids = [item["id"] for item in body["items"]]
    wrong = []
    if len(ids) != SHOWN or len(set(ids)) != SHOWN:
        wrong.append(f"{len(set(ids))} items of {SHOWN}")
    if bad := set(ids) & (HIDDEN | SOLD_OUT | answer.ask.absent):
        wrong.append(f"shows {sorted(bad)}, which is hidden, sold out or excluded")
    if body["degraded"] and reasons and body.get("degraded_reason") not in (*reasons, "owner"):
        wrong.append(f"degraded for {body.get('degraded_reason')}, not for {'/'.join(reasons)}")
    if body["degraded"] != ("degraded_reason" in body):
        wrong.append("degraded without a reason, or a reason without being degraded")
    if answer.ask.user is None:
        return wrong + problems_of_a_visitor(answer.ask, body)
    return wrong + problems_of_a_user(shop, answer, body, set(ids))


def has_no_model(body):
    return body.get("degraded_reason") == "model"


def the_owner_is_out(body):
    return body.get("degraded_reason") == "owner"


def problems_of_a_visitor(ask, body):
    expected = ("live", "session") if ask.has_items and not has_no_model(body) else ("fallback", "popular")
    got = (body["served_from"], body.get("fallback"))
    wrong = [f"a visitor got {got}, not {expected}"] if got != expected else []
    return wrong + (["a visitor has a profile"] if "profile_as_of" in body else [])


def problems_of_a_user(shop, answer, body, ids):
    if the_owner_is_out(body):
        return []  # nothing is known of the user, and it says so
    past = shop.past[answer.ask.user]
    known = [at for at, deed in enumerate(past) if deed.accepted <= answer.begun - FRESH_SECONDS]
    wrong = []
    if bad := ids & {past[at].bought for at in known}:
        wrong.append(f"shows {sorted(bad)}, which was bought")
    if has_no_model(body):
        got = (body["served_from"], body.get("fallback"))
        return wrong + ([f"without a model a user got {got}"] if got != ("fallback", "popular") else [])
    if "fallback" in body or body["served_from"] not in ("cache", "live"):
        return wrong + [f"not personal: {body['served_from']}, {body.get('fallback')}"]
    allowed = {deed.time for deed in past[known[-1]:] if deed.posted <= answer.ended}
    if body["profile_as_of"] not in allowed:
        whose = "" if any(deed.time == body["profile_as_of"] for deed in past) else "ANOTHER USER'S: "
        wrong.append(f"{whose}profile of {body['profile_as_of']}, not of {sorted(allowed)}")
    if sum(group_of(id_) == answer.ask.user % GROUPS for id_ in ids) < 3 * SHOWN // 10:
        wrong.append("items are of others' taste")
    return wrong


@dataclass
class Course:
    """What was answered before, during and after a fault."""
    shop: object
    answers: list
    struck: float
    healed: float
    reasons: tuple = ("cache",)
    returned: float = 0.0  # when what was healed serves again; 0: at once
    bodies: list = field(default_factory=list)

    def __post_init__(self):
        self.returned = self.returned or self.healed
        self.bodies = [json.loads(answer.body) if answer.status == 200 else {} for answer in self.answers]

    def problems(self):
        found = []
        for answer, body in zip(self.answers, self.bodies):
            inside = answer.ended >= self.struck
            found += [f"{answer.ended - self.struck:+.3f} s after the fault, {self.healed - self.struck:.3f} s of it, "
                      f"{answer.ask.path}: {problem}" for problem in
                      problems_of(self.shop, answer, body, self.reasons if inside else ())]
        return found

    def share_without_owner(self):
        return sum(map(the_owner_is_out, self.bodies)) / len(self.bodies)

    def degraded_in_the_calm(self):
        said = [body["degraded_reason"] for answer, body in zip(self.answers, self.bodies)
                if answer.ended < self.struck and body.get("degraded") and not the_owner_is_out(body)]
        return [f"{len(said)} answers are degraded for {'/'.join(sorted(set(said)))} before the fault"] if said else []

    def parts(self):
        """{name: answers that were asked for in it}."""
        return {
            "before": [answer for answer in self.answers if answer.begun < self.struck and answer.ended < self.struck],
            "during": [answer for answer in self.answers if answer.ended >= self.struck and answer.begun < self.healed],
            "after": [answer for answer in self.answers if answer.begun >= self.healed],
        }

    def p99(self):
        return {name: percentile([answer.seconds for answer in part], 0.99) for name, part in self.parts().items()}

    def first(self, since, condition):
        """Seconds after `since` until the first such answer ended; None: there was none."""
        ends = [answer.ended for answer, body in zip(self.answers, self.bodies)
                if answer.ended >= since and condition(answer, body)]
        return min(ends) - since if ends else None

    def opened(self):
        return self.first(self.struck, lambda answer, body: body.get("degraded") and answer.seconds < QUICK_SECONDS)

    def closed(self):
        return self.first(self.returned, lambda answer, body: body.get("degraded") is False)

    def share_degraded(self, since, until):
        """Those that could not wait for the owner are counted by share_without_owner()."""
        said = [body.get("degraded") for answer, body in zip(self.answers, self.bodies)
                if answer.begun >= since and answer.ended <= until and not the_owner_is_out(body)]
        return sum(map(bool, said)) / len(said) if said else None

    def figures(self):
        words = []
        p99 = self.p99()
        for name, part in self.parts().items():
            words.append(f"{name}={len(part)} p99_ms={1000 * p99[name]:.1f}")
        for name, seconds in (("opened", self.opened()), ("closed", self.closed())):
            words.append(f"{name}_ms={'none' if seconds is None else f'{1000 * seconds:.0f}'}")
        return " ".join(words)
