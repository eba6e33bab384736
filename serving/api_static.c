#include "serving/api_call.h"

#include <string.h>

static const mr_web_asset *find_asset(const mr_api *api, mr_text path)
{
    for (size_t i = 0; i < api->options.asset_count; i++) {
        if (mr_text_is(path, api->options.assets[i].path))
            return &api->options.assets[i];
    }
    return NULL;
}

/* One of the tags of an If-None-Match, or "*"; weak tags match as strong [RFC 9110, 13.1.2]. */
static bool client_has(const mr_http_request *request, const char *etag)
{
    const mr_text tags = mr_http_request_header(request, "if-none-match");
    return mr_text_is(tags, "*") ||
           (tags.length > 0 &&
            memmem(tags.bytes, tags.length, etag, strlen(etag)) != NULL);
}

void mr_api_static(mr_api_call *call)
{
    const mr_web_asset *asset = find_asset(call->api, call->request->path);
    if (asset == NULL) {
        mr_problem_write(call->response, 404, "there is no such file");
        return;
    }
    call->response->content_type = asset->content_type;
    call->response->cache_control = "no-cache";
    call->response->etag = asset->etag;
    if (client_has(call->request, asset->etag))
        call->response->status = 304;
    else
        call->response->lent_body =
            (mr_text){(const char *)asset->bytes, (uint32_t)asset->length};
}
