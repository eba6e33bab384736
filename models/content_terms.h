/*
 * Content terms: the words by which two items can be alike.
 *
 * A field of an item's description becomes terms.  A category path gives one term a level, each
 * with its parents in it, so that "Home > Kitchen > Mugs" is near to "Home > Kitchen" and equal
 * to itself alone.  A brand or tag is one term.  Free text is split where neither a letter nor a
 * digit stands; in scripts that are written without blanks (Chinese, Japanese, Thai …) a run of
 * letters gives its pairs of neighbours, which is how text is searched there without a
 * dictionary.  [Manning et al. 2008, §2.2.1]
 *
 * Letters of ASCII are lower-cased; others stay as they are.  A byte that is no UTF-8 separates.
 *
 * Units      Terms are bytes.
 * Ownership  A term is lent for the visit; it lies in the caller's buffer or in the text.
 * Threads    Pure but for the buffer.
 * Cost       One copy and one pass, about 5 ns a byte.
 */
#ifndef MR_MODELS_CONTENT_TERMS_H
#define MR_MODELS_CONTENT_TERMS_H

#include "core/buffer.h"
#include "core/status.h"
#include "core/text.h"

typedef enum mr_content_field {
    MR_CONTENT_CATEGORY = 0, /* a path; its levels stand between '>' or '/'    */
    MR_CONTENT_BRAND,        /* one term                                       */
    MR_CONTENT_TAG,          /* one term; an item may have many                */
    MR_CONTENT_TITLE,        /* free text                                      */
    MR_CONTENT_TEXT,         /* free text, longer and weaker: a description    */
    MR_CONTENT_FIELDS,
} mr_content_field;

/* Any status but MR_OK ends the visit and is handed on. */
typedef mr_status mr_content_term_visitor(void *context, mr_text term);

/* Visit the terms of `text`, in its order and with repeats.  `buffer` is overwritten.
 * MR_ERR_NO_MEMORY, or what the visitor returns. */
MR_MUST_USE mr_status mr_content_terms(mr_content_field field, mr_text text,
                                       mr_buffer *buffer,
                                       mr_content_term_visitor *visitor, void *context);

#endif
