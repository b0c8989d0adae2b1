/* jwks.c - CivicEndpoint/jwks.json: the keys that verify assertions, for everybody. */
#include "endpoints.h"

#include "conf.h"
#include "respond.h"
#include "runtime.h"

int civic_jwks(request_rec *r)
{
    const civic_runtime_t *runtime = civic_server_conf(r->server)->runtime;
    civic_reply_t *reply = apr_pcalloc(r->pool, sizeof(*reply));

    if (r->method_number != M_GET) {
        return civic_endpoint_method(r, "GET");
    }
    reply->content_type = CIVIC_TYPE_JWKS;
    reply->body = runtime->assertion_keys.key ? runtime->assertion_keys.jwks : "{\"keys\":[]}";
    reply->keep = CIVIC_KEEP_SHORTLY;
    return civic_respond(r, HTTP_OK, reply);
}
