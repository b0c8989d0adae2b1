/* What CivicSessionStore and CivicSessionStoreSecretFile say of a Redis. */
#include "unit.h"

#include <apr_strings.h>
#include <string.h>

#include "redis_address.h"

static civic_redis_address_t *good(const char *text, apr_pool_t *pool)
{
    civic_redis_address_t *address = NULL;
    const char *fault = civic_redis_address_parse(&address, text, pool);

    if (fault) {
        fail_msg("%s: %s", text, fault);
    }
    assert_string_equal(address->text, text);
    return address;
}

static void one_server(void **state)
{
    static const struct {
        const char *text, *host;
        int port, db, tls;
        const char *prefix;
    } cases[] = {
        {"redis://localhost", "localhost", 6379, 0, 0, "civic:"},
        {"redis://localhost/", "localhost", 6379, 0, 0, "civic:"},
        {"redis://redis-1.example.org:6380/15", "redis-1.example.org", 6380, 15, 0, "civic:"},
        {"redis://192.0.2.1:1/65535?prefix=a", "192.0.2.1", 1, 65535, 0, "a"},
        {"redis://[::1]", "::1", 6379, 0, 0, "civic:"},
        {"redis://[2001:db8::1]:65535/1", "2001:db8::1", 65535, 1, 0, "civic:"},
        {"rediss://localhost?prefix=shop-1:", "localhost", 6379, 0, 1, "shop-1:"},
    };

    for (apr_size_t i = 0; i < COUNT(cases); i++) {
        const civic_redis_address_t *address = good(cases[i].text, *state);

        assert_int_equal(address->host_count, 1);
        assert_string_equal(address->hosts[0].name, cases[i].host);
        assert_int_equal(address->hosts[0].port, cases[i].port);
        assert_int_equal(address->db, cases[i].db);
        assert_int_equal(address->tls, cases[i].tls);
        assert_string_equal(address->prefix, cases[i].prefix);
        assert_null(address->socket);
        assert_null(address->master);
    }
}

static void a_socket(void **state)
{
    const civic_redis_address_t *address =
        good("redis+unix:///run/redis/redis.sock?db=3&prefix=a.b_c", *state);

    assert_string_equal(address->socket, "/run/redis/redis.sock");
    assert_int_equal(address->host_count, 0);
    assert_int_equal(address->db, 3);
    assert_string_equal(address->prefix, "a.b_c");
    assert_null(address->master);
}

static void sentinels(void **state)
{
    const civic_redis_address_t *address =
        good("redis+sentinel://s1,s2:5000,[::1]:26380/my-master/2?prefix=x", *state);

    assert_string_equal(address->master, "my-master");
    assert_int_equal(address->db, 2);
    assert_int_equal(address->tls, 0);
    assert_int_equal(address->host_count, 3);
    assert_string_equal(address->hosts[0].name, "s1");
    assert_int_equal(address->hosts[0].port, 26379);
    assert_string_equal(address->hosts[1].name, "s2");
    assert_int_equal(address->hosts[1].port, 5000);
    assert_string_equal(address->hosts[2].name, "::1");
    assert_int_equal(address->hosts[2].port, 26380);
    assert_int_equal(good("rediss+sentinel://s/m", *state)->tls, 1);
}

static void what_is_unfit(void **state)
{
    static const char *const texts[] = {
        "",
        "redis",
        "redis:",
        "redis:/",
        "redis://",
        "redis:///",
        "redis://?prefix=a",
        "Redis://h",
        " redis://h",
        "redis+tcp://h",
        "redis://h ",
        "redis://h:",
        "redis://h:0",
        "redis://h:-1",
        "redis://h:+1",
        "redis://h:65536",
        "redis://h:99999999999999999999",
        "redis://h:1:2",
        "redis://h/-1",
        "redis://h/65536",
        "redis://h/1/",
        "redis://h/1/2",
        "redis://h/0x1",
        "redis://h#1",
        "redis://h%41",
        "redis://[",
        "redis://[]",
        "redis://[::1",
        "redis://[::1]x",
        "redis://[::1]:",
        "redis://[h]",
        "redis://[1234]",
        "redis://::1",
        "redis://a,b",
        "redis://a,",
        "redis://h?",
        "redis://h?prefix",
        "redis://h?prefix=",
        "redis://h?prefix=a&prefix=b",
        "redis://h?prefix=a&",
        "redis://h?prefix=a b",
        "redis://h?prefix=a*",
        "redis://h?prefix={a}",
        "redis://h?db=1",
        "redis://h?x=1",
        "redis://h/0?prefix="
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "redis+unix://",
        "redis+unix:///",
        "redis+unix://run/redis.sock",
        "redis+unix:///r?db=x",
        "redis+unix:///r?db=1&db=1",
        "redis+sentinel://h",
        "redis+sentinel://h/",
        "redis+sentinel:///m",
        "redis+sentinel://h//0",
        "redis+sentinel://h/m/x",
        "redis+sentinel://h/m m",
        "redis+sentinel://,/m",
        "redis+sentinel://a,,b/m",
        "redis+sentinel://1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17/m",
    };

    for (apr_size_t i = 0; i < COUNT(texts); i++) {
        civic_redis_address_t *address = NULL;

        if (!civic_redis_address_parse(&address, texts[i], *state)) {
            fail_msg("accepted: %s", texts[i]);
        }
        assert_null(address);
    }
}

static void lengths_are_bounded(void **state)
{
    civic_redis_address_t *address;
    char *host = apr_pcalloc(*state, 2001);

    memset(host, 'h', 255);
    good(apr_pstrcat(*state, "redis://", host, NULL), *state);
    host[255] = 'h';
    assert_non_null(civic_redis_address_parse(
        &address, apr_pstrcat(*state, "redis://", host, NULL), *state));
    memset(host, 'h', 2000);
    assert_non_null(civic_redis_address_parse(
        &address, apr_pstrcat(*state, "redis://", host, NULL), *state));
    good(apr_pstrcat(*state, "redis+unix:///", apr_pstrmemdup(*state, host, 106), NULL),
         *state);
    assert_non_null(civic_redis_address_parse(
        &address,
        apr_pstrcat(*state, "redis+unix:///", apr_pstrmemdup(*state, host, 107), NULL),
        *state));
}

static void passwords_are_refused_and_never_shown(void **state)
{
    static const char *const texts[] = {
        "redis://:hunter22@h",
        "redis://user:hunter22@h:1/0",
        "rediss://hunter22@h",
        "redis+sentinel://hunter22@h/m",
        "redis://h/0?password=hunter22",
        "hunter22@h",
        "redis+unix://user:hunter22@/run/r.sock",
    };

    for (apr_size_t i = 0; i < COUNT(texts); i++) {
        civic_redis_address_t *address;
        const char *fault = civic_redis_address_parse(&address, texts[i], *state);

        assert_non_null(fault);
        assert_null(strstr(fault, "hunter22"));
        assert_null(strstr(civic_redis_address_shown(texts[i], *state), "hunter22"));
    }
    assert_string_equal(civic_redis_address_shown("redis://h:1/0", *state), "redis://h:1/0");
    assert_string_equal(civic_redis_address_shown("redis://h?a=b", *state), "redis://h...");
    assert_string_equal(civic_redis_address_shown("redis://a@h", *state), "redis...");
}

static void secrets(void **state)
{
    static const struct {
        const char *text, *user, *password, *sentinel_user, *sentinel_password;
    } cases[] = {
        {"secret", NULL, "secret", NULL, NULL},
        {"secret\n", NULL, "secret", NULL, NULL},
        {"  secret\t\r\n\r\n \n", NULL, "secret", NULL, NULL},
        {"civic secret", "civic", "secret", NULL, NULL},
        {"civic \t two words\n", "civic", "two words", NULL, NULL},
        {"secret\nother\n", NULL, "secret", NULL, "other"},
        {"civic secret\r\nwatch other\r\n", "civic", "secret", "watch", "other"},
    };

    for (apr_size_t i = 0; i < COUNT(cases); i++) {
        civic_redis_secret_t *secret;

        assert_null(civic_redis_secret_parse(&secret, cases[i].text, *state));
        assert_string_equal(secret->server.password, cases[i].password);
        assert_int_equal(secret->server.user != NULL, cases[i].user != NULL);
        if (cases[i].user) {
            assert_string_equal(secret->server.user, cases[i].user);
        }
        assert_int_equal(secret->sentinel.password != NULL,
                         cases[i].sentinel_password != NULL);
        if (cases[i].sentinel_password) {
            assert_string_equal(secret->sentinel.password, cases[i].sentinel_password);
        }
        assert_int_equal(secret->sentinel.user != NULL, cases[i].sentinel_user != NULL);
        if (cases[i].sentinel_user) {
            assert_string_equal(secret->sentinel.user, cases[i].sentinel_user);
        }
    }
}

static void secrets_that_are_none(void **state)
{
    static const char *const texts[] = {"",          " ",       "\n",       "\nsecret",
                                        " \nsecret", "a\nb\nc", "a\n\nb",   "a\x01",
                                        "a\x7f b",   "a\rb",    "a\nb\x02", "\r\n\r\n"};

    for (apr_size_t i = 0; i < COUNT(texts); i++) {
        civic_redis_secret_t *secret = NULL;

        if (!civic_redis_secret_parse(&secret, texts[i], *state)) {
            fail_msg("accepted: number %d", (int)i);
        }
        assert_null(secret);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT(one_server),
        UNIT(a_socket),
        UNIT(sentinels),
        UNIT(what_is_unfit),
        UNIT(lengths_are_bounded),
        UNIT(passwords_are_refused_and_never_shown),
        UNIT(secrets),
        UNIT(secrets_that_are_none),
    };

    return UNIT_RUN("redis_address", tests);
}
