/*
 * Trending kind: over which stretch of time an item is counted.
 *
 * features/ counts, serving/ asks for one of these: the words are the same on both sides.
 *
 * Units      None.
 * Ownership  None.
 * Threads    Any.
 * Cost       None.
 */
#ifndef MR_CORE_TRENDING_KIND_H
#define MR_CORE_TRENDING_KIND_H

/* Published in partials as numbers: append only. */
typedef enum mr_trending_kind {
    MR_TRENDING_HOT = 0, /* the last 6 hours                                 */
    MR_TRENDING_POPULAR, /* the last 7 days                                  */
    MR_TRENDING_RISING,  /* the last 6 hours against the same of a week ago  */
    MR_TRENDING_EVER,    /* all time                                         */
    MR_TRENDING_KINDS,
} mr_trending_kind;

/* What is counted; a category has the counts of the items that are in it now. */
typedef enum mr_trending_subject {
    MR_TRENDING_ITEMS = 0,
    MR_TRENDING_CATEGORIES,
    MR_TRENDING_SUBJECTS,
} mr_trending_subject;

#endif
