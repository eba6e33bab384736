/*
 * Engine analytics: questions of the API about all users, answered by a census.
 *
 * Units      As app/census.h.
 * Ownership  A desk borrows the engine.
 * Threads    Any; one question at a time, the others wait.
 * Cost       A census is opened when one is asked for and kept for some seconds, so that the questions of
 *            a page are answered from the same one.
 */
#ifndef MR_APP_ENGINE_ANALYTICS_H
#define MR_APP_ENGINE_ANALYTICS_H

#include "app/engine.h"
#include "serving/backend.h"

typedef struct mr_analytics_desk mr_analytics_desk;

MR_MUST_USE mr_status mr_analytics_desk_create(const mr_engine *engine,
                                               mr_analytics_desk **ret_desk);
void mr_analytics_desk_destroy(mr_analytics_desk *desk); /* NULL allowed */

/* As the backend's calls of the same names. */
MR_MUST_USE mr_status mr_analytics_desk_answer(mr_analytics_desk *desk,
                                               const mr_analytics_request *request,
                                               mr_json_writer *writer,
                                               mr_error *ret_error);
MR_MUST_USE mr_status mr_analytics_desk_audiences(mr_analytics_desk *desk,
                                                  mr_json_writer *writer,
                                                  mr_error *ret_error);
MR_MUST_USE mr_status mr_analytics_desk_members(mr_analytics_desk *desk,
                                                const mr_members_request *request,
                                                mr_json_writer *writer,
                                                char ret_next[MR_ALERT_CURSOR_BYTES],
                                                mr_error *ret_error);

#endif
