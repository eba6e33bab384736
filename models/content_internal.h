/*
 * Content, inside: what the builder and the scorer share.  Not for others.
 */
#ifndef MR_MODELS_CONTENT_INTERNAL_H
#define MR_MODELS_CONTENT_INTERNAL_H

#include "models/content.h"

#include <stdbool.h>

struct mr_content {
    mr_content_arrays arrays;
    mr_sparse_matrix lists; /* buckets x items: the transpose of arrays.terms */
    bool owns_arrays;
};

MR_MUST_USE mr_status mr_content_options_check(const mr_content_options *options,
                                               mr_error *ret_error);

/* Takes the arrays on MR_OK.  They are taken for good. */
MR_MUST_USE mr_status mr_content_take(const mr_content_arrays *arrays,
                                      mr_content **ret_content);

#endif
