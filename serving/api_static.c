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
    if (mr_api_client_has(call->request, asset->etag))
        call->response->status = 304;
    else
        call->response->lent_body =
            (mr_text){(const char *)asset->bytes, (uint32_t)asset->length};
}

void mr_api_openapi(mr_api_call *call)
{
    const mr_api *api = call->api;
    call->response->cache_control = "no-cache";
    call->response->etag = api->openapi_etag;
    if (mr_api_client_has(call->request, api->openapi_etag))
        call->response->status = 304;
    else
        call->response->lent_body =
            (mr_text){(const char *)api->openapi.bytes, (uint32_t)api->openapi.length};
}
