/* Which addresses may be talked to. */
#include "unit.h"

#include <apr_strings.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "url.h"

static void loopback_is_loopback(void **state)
{
    static const char *const hosts[] = {
        "localhost", "LOCALHOST", "LocalHost",       "a.localhost", "a.b.LOCALHOST",
        "127.0.0.1", "127.1.2.3", "127.255.255.254", "::1",         "[::1]"};

    for (apr_size_t i = 0; i < COUNT(hosts); i++) {
        assert_case(civic_host_is_loopback(hosts[i]), hosts[i]);
    }
}

static void look_alikes_are_not_loopback(void **state)
{
    static const char *const hosts[] = {"",
                                        ".",
                                        "localhost.evil.example",
                                        "localhost.",
                                        "localhosts",
                                        "xlocalhost",
                                        ".localhost",
                                        "local",
                                        "localhost:80",
                                        "127",
                                        "127.",
                                        "127.1",
                                        "127.0.1",
                                        "127.0.0.1.",
                                        "127.0.0.1.1",
                                        "127.0.0.1.evil.example",
                                        "127.evil.example",
                                        "127.0.0.x",
                                        "127...",
                                        "127.0.0.",
                                        "127..0.1",
                                        "127.0.0.256",
                                        "127.999.0.1",
                                        "127.0.0.1000",
                                        "127.0.0.01.1",
                                        "0.0.0.0",
                                        "0",
                                        "10.0.0.1",
                                        "126.0.0.1",
                                        "128.0.0.1",
                                        "1270.0.0.1",
                                        "1127.0.0.1",
                                        "0127.0.0.1",
                                        "2130706433",
                                        "0x7f.0.0.1",
                                        "0x7f000001",
                                        "[::]",
                                        "::",
                                        "[::1",
                                        "::1]",
                                        "[::2]",
                                        "[::ffff:127.0.0.1]",
                                        "[::1]:80",
                                        "fe80::1",
                                        "127.0.0.1 ",
                                        " 127.0.0.1",
                                        "127.0.0.1/",
                                        "127.0.0.1@evil.example",
                                        "lo\xc3\xa7"
                                        "alhost"};

    for (apr_size_t i = 0; i < COUNT(hosts); i++) {
        assert_case(!civic_host_is_loopback(hosts[i]), hosts[i]);
    }
}

static int is_public(const char *text)
{
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    struct sockaddr_in v4 = {.sin_family = AF_INET};

    if (inet_pton(AF_INET, text, &v4.sin_addr) == 1) {
        return civic_address_is_public((struct sockaddr *)&v4);
    }
    assert_int_equal(inet_pton(AF_INET6, text, &v6.sin6_addr), 1);
    return civic_address_is_public((struct sockaddr *)&v6);
}

static void addresses_of_the_internet_are_told_from_others(void **state)
{
    static const char *const public[] = {
        "1.1.1.1",         "9.255.255.255",        "11.0.0.0",        "100.63.255.255",
        "100.128.0.0",     "126.255.255.255",      "128.0.0.0",       "169.253.255.255",
        "169.255.0.0",     "172.15.255.255",       "172.32.0.0",      "192.0.1.0",
        "192.167.255.255", "192.169.0.0",          "198.17.255.255",  "198.20.0.0",
        "223.255.255.255", "2001:4860:4860::8888", "2606:4700::1111", "3fff:ffff::1",
        "::ffff:1.1.1.1",  "64:ff9b::1.1.1.1",     "2002:101:101::1"};
    static const char *const other[] = {"0.0.0.0",
                                        "0.1.2.3",
                                        "10.0.0.0",
                                        "10.255.255.255",
                                        "100.64.0.1",
                                        "100.127.255.255",
                                        "127.0.0.1",
                                        "127.255.255.255",
                                        "169.254.169.254",
                                        "172.16.0.1",
                                        "172.31.255.255",
                                        "192.0.0.1",
                                        "192.168.0.1",
                                        "192.168.255.255",
                                        "198.18.0.1",
                                        "198.19.255.255",
                                        "224.0.0.1",
                                        "239.1.2.3",
                                        "240.0.0.1",
                                        "255.255.255.255",
                                        "::",
                                        "::1",
                                        "fe80::1",
                                        "fec0::1",
                                        "fc00::1",
                                        "fd12:3456::1",
                                        "ff02::1",
                                        "::ffff:127.0.0.1",
                                        "::ffff:10.1.2.3",
                                        "64:ff9b::10.0.0.1",
                                        "64:ff9b:1::1",
                                        "2002:a00:1::1",
                                        "2002:7f00:1::1",
                                        "::127.0.0.1",
                                        "100::1",
                                        "4000::1"};
    struct sockaddr local = {.sa_family = AF_UNIX};

    for (apr_size_t i = 0; i < COUNT(public); i++) {
        assert_case(is_public(public[i]), public[i]);
    }
    for (apr_size_t i = 0; i < COUNT(other); i++) {
        assert_case(!is_public(other[i]), other[i]);
    }
    assert_false(civic_address_is_public(&local));
}

static void addresses_are_told_from_names(void **state)
{
    assert_true(civic_host_is_address("127.0.0.1"));
    assert_true(civic_host_is_address("::1"));
    assert_true(civic_host_is_address("[::1]"));
    assert_false(civic_host_is_address("localhost"));
    assert_false(civic_host_is_address("127.0.0.1.example"));
    assert_false(civic_host_is_address(""));
}

static void hosts_fit_their_patterns(void **state)
{
    static const struct {
        const char *host, *pattern;
        int fits;
    } cases[] = {
        {"s3.amazonaws.com", "*.amazonaws.com", 1},
        {"bucket.s3.eu-west-1.amazonaws.com", "*.amazonaws.com", 1},
        {"S3.AmazonAWS.com", "*.amazonaws.com", 1},
        {"amazonaws.com", "*.amazonaws.com", 0},
        {".amazonaws.com", "*.amazonaws.com", 0},
        {"evilamazonaws.com", "*.amazonaws.com", 0},
        {"evil-amazonaws.com", "*.amazonaws.com", 0},
        {"s3.amazonaws.com.evil.example", "*.amazonaws.com", 0},
        {"s3.amazonaws.com.", "*.amazonaws.com", 0},
        {"s3.amazonaws.co", "*.amazonaws.com", 0},
        {"amazonaws.com.evil.example", "*.amazonaws.com", 0},
        {"", "*.amazonaws.com", 0},
        {"example.org", "example.org", 1},
        {"EXAMPLE.org", "example.ORG", 1},
        {"a.example.org", "example.org", 0},
        {"example.org.evil", "example.org", 0},
        {"xexample.org", "example.org", 0},
        {"", "example.org", 0},
        {"a*.example.org", "a*.example.org", 1},
        {"ab.example.org", "a*.example.org", 0},
        {"anything", "*", 0},
    };

    for (apr_size_t i = 0; i < COUNT(cases); i++) {
        apr_array_header_t *patterns = apr_array_make(*state, 1, sizeof(const char *));

        APR_ARRAY_PUSH(patterns, const char *) = cases[i].pattern;
        assert_case(civic_host_is_allowed(cases[i].host, patterns) == cases[i].fits,
                    cases[i].host);
    }
}

static void any_pattern_of_the_list_will_do_and_an_empty_list_allows_none(void **state)
{
    apr_array_header_t *patterns = apr_array_make(*state, 2, sizeof(const char *));

    assert_false(civic_host_is_allowed("a.example", patterns));
    APR_ARRAY_PUSH(patterns, const char *) = "a.example";
    APR_ARRAY_PUSH(patterns, const char *) = "b.example";
    assert_true(civic_host_is_allowed("a.example", patterns));
    assert_true(civic_host_is_allowed("b.example", patterns));
    assert_false(civic_host_is_allowed("c.example", patterns));
}

static void good_urls_tell_their_host(void **state)
{
    static const char *const pairs[][2] = {
        {"https://api.civic.com/sip", "api.civic.com"},
        {"HTTPS://api.civic.com", "api.civic.com"},
        {"https://api.civic.com:8443/", "api.civic.com"},
        {"https://b.s3.amazonaws.com/k?X-Amz-Signature=a%2Fb&c=d", "b.s3.amazonaws.com"},
        {"https://192.0.2.1/", "192.0.2.1"},
        {"https://[2001:db8::1]:8443/", "[2001:db8::1]"},
        {"http://localhost:8080/sip", "localhost"},
        {"http://127.0.0.1/", "127.0.0.1"},
        {"http://[::1]:80/", "[::1]"},
        {"http://civic.localhost/", "civic.localhost"},
        {"https://a.example?x", "a.example"},
        {"https://a.example#@evil.example", "a.example"},
        {"https://a.example/@evil.example", "a.example"},
    };

    for (apr_size_t i = 0; i < COUNT(pairs); i++) {
        const char *host = NULL;

        assert_case(!civic_url_check(pairs[i][0], &host, *state), pairs[i][0]);
        assert_string_equal(host, pairs[i][1]);
        assert_null(civic_url_check(pairs[i][0], NULL, *state));
    }
}

static void unfit_urls_are_refused(void **state)
{
    static const char *const urls[] = {
        "", "https", "https:", "https:/", "https://", "https:///", "https://:443/",
        "https://?x", "https://#x", "//api.civic.com/", "api.civic.com", "/path",
        "ftp://a.example/", "file:///etc/passwd", "gopher://a.example/", "javascript:alert(1)",
        " https://a.example/", "httpsx://a.example/", "https//a.example",
        /* plain http to anywhere else */
        "http://api.civic.com/sip", "http://a.example", "http://127.0.0.1.evil.example/",
        "http://localhost.evil.example/", "http://127.999.0.1/", "http://0.0.0.0/",
        "http://10.0.0.1/", "http://169.254.169.254/latest/meta-data/", "http://[::]/",
        "HTTP://a.example/",
        /* a user, whose place is where look-alikes hide the host */
        "https://user@a.example/", "https://user:password@a.example/", "https://@a.example/",
        "https://api.civic.com@evil.example/", "https://api.civic.com:443@evil.example/",
        "https://api.civic.com%40x@evil.example/", "http://localhost@evil.example/",
        "http://localhost:80@evil.example/", "http://127.0.0.1\\@evil.example/",
        /* characters that no URL may have */
        "https://a.example/ ", "https://a .example/", "https://a.example/\n",
        "https://a.example/\r\nHost: b", "https://a.example/\t", "https://a.ex\xc3\xa4mple/",
        "https://a.example/\x7f", "https://a.example/\xff",
        /* ports and brackets */
        "https://a.example:99999/", "https://a.example:-1/", "https://a.example:x/",
        "https://[::1/", "https://[evil]/", "https://a.example:80:80/"};

    for (apr_size_t i = 0; i < COUNT(urls); i++) {
        const char *host = NULL;

        assert_case(civic_url_check(urls[i], &host, *state), urls[i]);
        assert_case(!host, urls[i]);
    }
}

/* Such a host would go into headers and log lines. */
static void a_decoded_host_is_still_a_host(void **state)
{
    static const char *const urls[] = {
        "https://a%dd.example/", "https://a%c3%a4.example/", "https://a%20b.example/",
        "https://a%22.example/", "https://a%3b.example/",    "https://a%2c.example/",
        "https://a%27.example/", "https://a%7f.example/",    "https://a%2a.example/"};
    const char *host = NULL;

    for (apr_size_t i = 0; i < COUNT(urls); i++) {
        assert_case(civic_url_check(urls[i], &host, *state) && !host, urls[i]);
    }
    assert_null(civic_url_check("https://%61.example/", &host, *state));
    assert_string_equal(host, "a.example");
}

/* Whatever is made of it, it must not be taken for a host that is allowed. */
static void odd_urls_never_show_the_allowed_host(void **state)
{
    static const char *const urls[] = {"https://evil.example\\.amazonaws.com/",
                                       "https://evil.example\\@s3.amazonaws.com/",
                                       "https://evil.example#.amazonaws.com/",
                                       "https://evil.example?.amazonaws.com/",
                                       "https://evil.example/.amazonaws.com/",
                                       "https://evil.example%2f.amazonaws.com/",
                                       "https://evil.example%00.amazonaws.com/",
                                       "https://evil.example%23.amazonaws.com/",
                                       "https://evil.example%3f.amazonaws.com/",
                                       "https://evil.example;.amazonaws.com/",
                                       "https:\\\\s3.amazonaws.com/"};
    apr_array_header_t *patterns = apr_array_make(*state, 1, sizeof(const char *));

    APR_ARRAY_PUSH(patterns, const char *) = CIVIC_SIP_PAYLOAD_HOST;
    for (apr_size_t i = 0; i < COUNT(urls); i++) {
        const char *host = NULL;

        assert_case(civic_url_check(urls[i], &host, *state)
                        || !civic_host_is_allowed(host, patterns),
                    urls[i]);
    }
}

static void the_origin_leaves_out_the_schemes_own_port(void **state)
{
    static const char *const pairs[][2] = {
        {"https://api.civic.com/sip?x#y", "https://api.civic.com"},
        {"https://api.civic.com:443/sip", "https://api.civic.com"},
        {"https://api.civic.com:8443/sip", "https://api.civic.com:8443"},
        {"HTTPS://api.civic.com", "https://api.civic.com"},
        {"http://localhost:80/", "http://localhost"},
        {"http://localhost:443/", "http://localhost:443"},
        {"http://[::1]:8080/", "http://[::1]:8080"},
    };

    for (apr_size_t i = 0; i < COUNT(pairs); i++) {
        assert_null(civic_url_check(pairs[i][0], NULL, *state));
        assert_string_equal(civic_url_origin(pairs[i][0], *state), pairs[i][1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT(loopback_is_loopback),
        UNIT(look_alikes_are_not_loopback),
        UNIT(addresses_of_the_internet_are_told_from_others),
        UNIT(addresses_are_told_from_names),
        UNIT(hosts_fit_their_patterns),
        UNIT(any_pattern_of_the_list_will_do_and_an_empty_list_allows_none),
        UNIT(good_urls_tell_their_host),
        UNIT(unfit_urls_are_refused),
        UNIT(a_decoded_host_is_still_a_host),
        UNIT(odd_urls_never_show_the_allowed_host),
        UNIT(the_origin_leaves_out_the_schemes_own_port),
    };

    return UNIT_RUN("url", tests);
}
