#!/usr/bin/env python3
"""A client of Millrace's HTTP API (docs/API.md): copy this file, it needs the standard library alone.

    from millrace_client import Millrace
    millrace = Millrace("http://127.0.0.1:8080")
    answer = millrace.recommend("12583", n=6, placement="home", explain=True)

Run as a program it does what a page of a shop does, for one customer:

    python3 millrace_client.py http://127.0.0.1:8080 12583
"""
import json
import random
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid


class MillraceError(Exception):
    """What the engine says is wrong.  status 0: it could not be reached."""

    def __init__(self, status, problem):
        super().__init__(f"{status}: {problem.get('detail') or problem.get('title') or 'no answer'}")
        self.status = status
        self.errors = problem.get("errors", [])  # [{"field": "rules.boost[0].by", "message": …}]


class Millrace:
    """One engine, or the proxy before several.  Safe to share between threads: it keeps no connection."""

    def __init__(self, base_url, timeout=2.0, tries=5, wait=0.1, wait_max=5.0):
        self.base_url = base_url.rstrip("/")
        self.timeout = timeout  # seconds, of one try
        self.tries, self.wait, self.wait_max = tries, wait, wait_max  # of calls that may be sent again

    # Reading: one try.  A page has a list of its own for when there is no answer in time.

    def recommend(self, user_id, **members):
        """A list for a user.  Members as in docs/API.md: n, placement, exclude=[…], rules={…}, diversity, next, …"""
        return self._call("POST", f"/v1/users/{_id(user_id)}/recommendations", members)

    def session(self, items, **members):
        """A list for a visit without a name: the ids of what was looked at, the newest first."""
        return self._call("POST", "/v1/sessions/recommendations", {"items": items, **members})

    def rank(self, items, user_id=None, **members):
        """Up to 500 ids, a search result say, the best for this user first."""
        return self._call("POST", "/v1/rank", {"items": items, "user_id": user_id, **members})

    def similar(self, item_id, **query):
        """What is like an item: n=…, category=…, price_max=…"""
        return self._call("GET", f"/v1/items/{_id(item_id)}/similar", query=query)

    def bought_together(self, item_id, **query):
        """What is bought in the same order."""
        return self._call("GET", f"/v1/items/{_id(item_id)}/bought-together", query=query)

    def item(self, item_id):
        """One item of the catalogue, or None."""
        try:
            return self._call("GET", f"/v1/items/{_id(item_id)}")
        except MillraceError as error:
            if error.status == 404:
                return None
            raise

    def newest_event(self):
        """The time of the newest event it has: the demo's shop lives in 2011."""
        return self._call("GET", "/v1/analytics/overview").get("newest_event")

    # Writing: sent again, with growing pauses, until the engine has it or says that it is wrong.

    def events(self, events):
        """Up to 1,000 events.  Each gets an id here, so that one which arrives twice counts once.

        The answer has a status for each; those that are not 202 say why.
        """
        named = [{"event_id": str(uuid.uuid4()), **event} for event in events]
        return self._call("POST", "/v1/events", named, tries=self.tries)

    def put_items(self, items):
        """Up to 1,000 items into the catalogue, each with its id; an item takes the place of an older one."""
        return self._call("POST", "/v1/items", items, tries=self.tries)

    def delete_item(self, item_id):
        """Take an item out of the catalogue."""
        return self._call("DELETE", f"/v1/items/{_id(item_id)}", tries=self.tries)

    def _call(self, method, path, body=None, query=None, tries=1):
        if isinstance(body, dict):
            body = {name: value for name, value in body.items() if value is not None}
        url = self.base_url + path + ("?" + urllib.parse.urlencode(query, doseq=True) if query else "")
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(url, data, {"Content-Type": "application/json"} if data else {}, method=method)
        for attempt in range(1, tries + 1):
            try:
                with urllib.request.urlopen(request, timeout=self.timeout) as response:
                    return json.loads(response.read() or "null")
            except urllib.error.HTTPError as error:
                failure, after = MillraceError(error.code, _problem(error)), error.headers.get("Retry-After", "")
                if error.code not in (429, 503):
                    raise failure from None
            except OSError as error:  # refused, reset, or too late
                failure, after = MillraceError(0, {"detail": str(error)}), ""
            if attempt == tries:
                raise failure
            pause = min(self.wait_max, self.wait * 2 ** (attempt - 1)) * random.uniform(0.5, 1)
            time.sleep(max(pause, min(float(after), self.wait_max)) if after.isdigit() else pause)


def _id(text):
    return urllib.parse.quote(str(text), safe="")


def _problem(error):
    try:
        problem = json.loads(error.read())
    except (OSError, ValueError):
        problem = None
    return problem if isinstance(problem, dict) else {"title": error.reason}


def main(base_url, user_id):
    """A list, a look at its first item, and what goes with it."""
    millrace = Millrace(base_url)
    answer = millrace.recommend(user_id, n=5, explain=True)
    print(f"for {user_id}, {answer.get('fallback', 'personal')}:")
    for item in answer["items"]:
        print(f"  {item['id']:<10} {item.get('title', ''):<36.36} {item.get('reason', {}).get('text', '')}")
    if not answer["items"]:
        return
    first = answer["items"][0]["id"]
    told = millrace.events([{"type": "view", "user_id": user_id, "item_id": first, "recommendation_id": answer["recommendation_id"],
                             "time": millrace.newest_event()}])  # a shop of today leaves the time out: it is now
    print(f"told of a look at {first}: {told['accepted']} accepted")
    print("with it goes:", ", ".join(item.get("title", item["id"]) for item in millrace.similar(first, n=3)["items"]))
    visit = millrace.session([first], n=3)
    print("to a stranger who looked at it:", ", ".join(item.get("title", item["id"]) for item in visit["items"]))
    ranked = millrace.rank([item["id"] for item in reversed(answer["items"])], user_id=user_id)
    print("the same five, ranked:", ", ".join(item["id"] for item in ranked["items"]))


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    try:
        main(*sys.argv[1:])
    except MillraceError as trouble:
        sys.exit(f"millrace_client: {trouble}")
