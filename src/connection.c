/* connection.c - see connection.h. */
#include "connection.h"

#include <http_config.h>
#include <string.h>

enum {
    PLACES = 2,    /* most browsers have one session */
    COPIES_MAX = 8 /* ever made: their memory comes back with the connection alone */
};

typedef struct {
    civic_acquaintance_t places[PLACES];
    unsigned next; /* the place that is given away when none is free */
    int copies;
} memory_t;

static memory_t *memory_of(conn_rec *c)
{
    memory_t *memory = ap_get_module_config(c->conn_config, &auth_civic_module);

    if (!memory) {
        memory = apr_pcalloc(c->pool, sizeof(*memory));
        ap_set_module_config(c->conn_config, &auth_civic_module, memory);
    }
    return memory;
}

static int is_of(const civic_acquaintance_t *place, const civic_application_t *application,
                 const unsigned char realm[CIVIC_REALM_LEN], const char *id)
{
    /* Proxies send many people's requests over one connection. */
    return place->seen && place->application == application
           && !memcmp(place->realm, realm, CIVIC_REALM_LEN)
           && civic_equal(place->id, id, CIVIC_SESSION_ID_LEN);
}

civic_acquaintance_t *civic_connection_meet(conn_rec *c,
                                            const civic_application_t *application,
                                            const unsigned char realm[CIVIC_REALM_LEN],
                                            const char *id)
{
    civic_acquaintance_t *free_place = NULL;
    memory_t *memory;

    if (c->master) {
        return NULL;
    }
    memory = memory_of(c);
    for (int i = 0; i < PLACES; i++) {
        civic_acquaintance_t *place = &memory->places[i];

        if (is_of(place, application, realm, id)) {
            return place;
        }
        if (!place->seen) {
            free_place = place;
        }
    }
    if (memory->copies == COPIES_MAX) {
        return NULL;
    }
    if (!free_place) { /* who came first has perhaps logged in anew since */
        free_place = &memory->places[memory->next++ % PLACES];
        civic_connection_forget(free_place);
    }
    free_place->pool = c->pool;
    free_place->application = application;
    memcpy(free_place->realm, realm, CIVIC_REALM_LEN);
    memcpy(free_place->id, id, sizeof(free_place->id));
    return free_place;
}

void civic_connection_keep(conn_rec *c, civic_acquaintance_t *acquaintance,
                           const civic_session_t *session, apr_pool_t *scratch)
{
    memory_t *memory = memory_of(c);

    if (acquaintance->seen && memory->copies < COPIES_MAX
        && civic_session_copy(&acquaintance->session, session, scratch, acquaintance->pool)) {
        memory->copies++;
        acquaintance->kept = 1;
    }
    acquaintance->seen = 1;
}

void civic_connection_forget(civic_acquaintance_t *acquaintance)
{
    memset(acquaintance, 0, sizeof(*acquaintance));
}
