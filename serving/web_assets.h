/*
 * Web assets: the dashboard's files, inside the program.
 *
 * web/ generates the table at build time; app/ hands it to the API.
 *
 * Units      Lengths in bytes.
 * Ownership  Static.
 * Threads    Any: constant.
 * Cost       None.
 */
#ifndef MR_SERVING_WEB_ASSETS_H
#define MR_SERVING_WEB_ASSETS_H

#include <stddef.h>
#include <stdint.h>

typedef struct mr_web_asset {
    const char *path;         /* "/assets/app.js"; "/" is the page itself        */
    const char *content_type; /* "text/javascript; charset=utf-8"                */
    const uint8_t *bytes;
    size_t length;
    const char *etag; /* quoted, of the content: "\"9f86d081\""                 */
} mr_web_asset;

extern const mr_web_asset mr_web_assets[]; /* in order of path */
extern const size_t mr_web_asset_count;

#endif
