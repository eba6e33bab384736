#!/usr/bin/env python3
"""The lists of recommendations, from the definition: `recompute_lists.py events.ndjson NAME…`.

The frozen log has too few shoppers to choose a recipe on, so the recommender is item-item with exponents of
one half: w_ij = sum over rows u with i and j of n_u^-1/2 d_i^-1/2 d_j^-1/2, the score of j the sum of w_ij over
the different items i among the newest 100 of the history.  Rows are profiles with a history that says something
(a rating up to 2 stars says nothing); a visitor's counts from two different items on.  A stranger gets what has
most entries.  Prints name, rank, item, score, source and the history item that carried most.
"""
import sys
from collections import Counter, defaultdict

from reading import TYPES
from recompute import Reader, read

NEWEST, LIST_ITEMS = 100, 8


def says_something(entry):
    _, _, kind, heaviness, _ = entry
    return TYPES[kind] != "rate" or heaviness > 20


def item_of(entry):
    return entry[1].decode()


def weights(rows):
    """w as a table of tables, and how many rows an item has."""
    users = Counter(item for row in rows for item in row)
    table = defaultdict(lambda: defaultdict(float))
    for row in rows:
        for i in row:
            for j in row - {i}:
                table[i][j] += (len(row) * users[i] * users[j]) ** -0.5
    return table, users


def show(name, ranked):
    for rank, (item, score, source, because) in enumerate(ranked[:LIST_ITEMS], 1):
        print(name, rank, item, "%.6f" % score, source, because, sep="\t")


def recommend(name, history, table, items):
    newest = list(dict.fromkeys(item_of(entry) for entry in history[::-1][:NEWEST] if says_something(entry)))
    ranked = []
    for item in items:
        terms = [table[i][item] for i in newest]
        if item not in newest and sum(terms) > 0:
            ranked.append((item, sum(terms), "item_item", newest[terms.index(max(terms))]))
    show(name, sorted(ranked, key=lambda each: (-round(each[1], 9), each[0].encode())))


def main():
    (partition,) = read(sys.argv[1])
    histories, rows, votes = {}, [], Counter()
    for (who, is_anonymous), profile in partition.profiles.items():
        histories[who, is_anonymous] = Reader(profile, partition.newest).history()
        said = [item_of(entry) for entry in histories[who, is_anonymous] if says_something(entry)]
        if len(set(said)) > (1 if is_anonymous else 0):
            rows.append(set(said))
            votes.update(said)
    table, users = weights(rows)
    for name in sys.argv[2:]:
        history = histories.get((name, False)) or histories.get((name, True))
        if history:
            recommend(name, history, table, users)
        else:
            popular = sorted(votes, key=lambda item: (-votes[item], item.encode()))
            show(name, [(item, 0.0, "popular", "-") for item in popular])


main()
