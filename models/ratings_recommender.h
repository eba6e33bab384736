/*
 * Ratings recommender: the whole of what `train` makes, as a scorer of the ratings protocol.
 *
 * Everything that models/recommender_fit.h chooses and trains, from ratings above two stars, with
 * the content model beside it.  A list is the ranker's; what it does not list follows in the
 * content model's order, so that items nobody has rated have a place, too.
 *
 * Units      A rating weighs 0 at two stars and 1 at five, as in the product.
 * Ownership  As models/ratings_scorers.h says.
 * Threads    As there.
 * Cost       The fit's.
 */
#ifndef MR_MODELS_RATINGS_RECOMMENDER_H
#define MR_MODELS_RATINGS_RECOMMENDER_H

#include "models/ratings_scorers.h"

extern const mr_ratings_scorer mr_ratings_recommender;

#endif
