/* websocket.h - connections that become something else: WebSockets above all.
 *
 * The request that asks for it (`Upgrade`) is one as any other, but that browsers send it,
 * with cookies, from every site that wants to, and let that site read what comes. So it must
 * come from a page of this site. Once the client has been told `101 Switching Protocols`, or
 * anything else that is no final answer, the connection is watched (tunnels.h).
 */
#ifndef CIVIC_WEBSOCKET_H
#define CIVIC_WEBSOCKET_H

#include <httpd.h>
#include "request.h"

/** Does the request ask for a WebSocket? */
int civic_websocket_is(request_rec *r);

/** Does it ask for one from a page of another site? A client that sends no Origin is no
 * browser, and has no cookies but its own. */
int civic_websocket_is_foreign(request_rec *r);

/** Somebody is let in: should the connection be upgraded, it ends with this session. */
void civic_websocket_expect(request_rec *r, const civic_lookup_t *lookup);

void civic_websocket_register(void);

#endif
