/* CivicOnLogin: which addresses it may name, and where people go because of it: never off the
 * site, whatever they asked for, and never round in a circle. */
#include "unit.h"

#include <apr_strings.h>
#include <string.h>

#include "on_login.h"
#include "return_path.h"

static const char *read_path(const char *value, const char **origin, apr_pool_t *pool)
{
    const char *path = "untouched";

    *origin = "untouched";
    if (civic_on_login_read(&path, origin, value, pool)) {
        assert_string_equal(path, "untouched"); /* never half set */
        assert_string_equal(*origin, "untouched");
        return NULL;
    }
    assert_true(civic_return_path_is_local(path));
    return path;
}

static void paths_and_urls_are_read(void **state)
{
    static const struct {
        const char *value, *path, *origin;
    } cases[] = {
        {"/", "/", NULL},
        {"/welcome", "/welcome", NULL},
        {"/welcome?step=1&x", "/welcome?step=1&x", NULL},
        {"/welcome?returned=1", "/welcome?returned=1", NULL},
        {"/a?b=https://evil.example/", "/a?b=https://evil.example/", NULL},
        {"https://www.example.org", "/", "https://www.example.org"},
        {"https://www.example.org/", "/", "https://www.example.org"},
        {"HTTP://Example.org:8080/a/b?c", "/a/b?c", "HTTP://Example.org:8080"},
        {"https://[::1]:8443/a@b", "/a@b", "https://[::1]:8443"},
    };

    for (apr_size_t i = 0; i < COUNT(cases); i++) {
        const char *origin, *path = read_path(cases[i].value, &origin, *state);

        assert_case(path && !strcmp(path, cases[i].path), cases[i].value);
        assert_case(cases[i].origin ? !strcmp(origin, cases[i].origin) : !origin,
                    cases[i].value);
    }
}

static void no_other_address_is(void **state)
{
    static const char *const values[] = {"",
                                         "welcome",
                                         "//evil.example/",
                                         "/\\evil.example",
                                         "\\\\evil.example",
                                         "/a b",
                                         "/a\r\nb",
                                         "/\xc3\xbc",
                                         "/welcome#top",
                                         "/welcome?return=/",
                                         "/welcome?a&return",
                                         "/welcome?a&return&b",
                                         "javascript:alert(1)",
                                         "ftp://www.example.org/",
                                         "https:/www.example.org/",
                                         "https:///evil.example/",
                                         "https://",
                                         "https://www.example.org//evil.example/",
                                         "https://www.example.org\\@evil.example/",
                                         "https://www.example.org?x",
                                         "https://www.example.org#x",
                                         "https://www.example.org@evil.example/",
                                         "https://www.example.org:x@evil.example/",
                                         "https://www.example.org%40evil.example/"};

    for (apr_size_t i = 0; i < COUNT(values); i++) {
        const char *origin;

        assert_case(!read_path(values[i], &origin, *state), values[i]);
    }
}

static void origins_are_compared(void **state)
{
    static const struct {
        const char *origin, *scheme, *host;
        unsigned port;
        int same;
    } cases[] = {
        {"https://www.example.org", "https", "www.example.org", 0, 1},
        {"https://www.example.org", "https", "www.example.org", 443, 1},
        {"https://www.example.org:443", "https", "www.example.org", 0, 1},
        {"HTTPS://WWW.Example.org", "https", "www.example.org", 0, 1},
        {"http://localhost:8080", "http", "localhost", 8080, 1},
        {"http://localhost:80", "http", "localhost", 0, 1},
        {"http://www.example.org", "https", "www.example.org", 0, 0},
        {"https://www.example.org", "http", "www.example.org", 0, 0},
        {"https://www.example.org", "https", "www.example.org", 8443, 0},
        {"https://www.example.org:8443", "https", "www.example.org", 0, 0},
        {"https://www.example.org.evil.example", "https", "www.example.org", 0, 0},
        {"https://example.org", "https", "www.example.org", 0, 0},
        {"https://www.example.org:443", "https", "www.example.org", 8443, 0},
        {"https://www.example.org:", "https", "www.example.org", 0, 0},
        {"https://www.example.org:0443", "https", "www.example.org", 0, 0},
    };

    for (apr_size_t i = 0; i < COUNT(cases); i++) {
        assert_int_equal(civic_on_login_is_origin(cases[i].origin, cases[i].scheme,
                                                  cases[i].host, cases[i].port, *state),
                         cases[i].same);
    }
}

static void people_go_there_first(void **state)
{
    static const struct {
        const char *on_login, *back, *path;
    } cases[] = {
        {"/welcome", "/", "/welcome?return=/"},
        {"/welcome", "/members/a.html?b=c&d", "/welcome?return=/members/a.html%3Fb%3Dc%26d"},
        {"/welcome?x=1", "/members/", "/welcome?x=1&return=/members/"},
        {"/welcome", "/a%20b+c", "/welcome?return=/a%2520b%2Bc"},
        {"/welcome", "/a?return=https://evil.example/#x",
         "/welcome?return=/a%3Freturn%3Dhttps%3A//evil.example/%23x"},
        {"/welcome", "/~jane/'\"<>", "/welcome?return=/~jane/%27%22%3C%3E"},
        {"/welcome", "/welcome/", "/welcome?return=/welcome/"},
        {"/welcome", "/welcomed", "/welcome?return=/welcomed"},
        {"/welcome", "/Welcome", "/welcome?return=/Welcome"},
        {"/welcome", "/%77elcome%", "/welcome?return=/%2577elcome%25"},
        /* the page itself: straight through */
        {"/welcome", "/welcome", "/welcome"},
        {"/welcome", "/welcome?return=/members/", "/welcome?return=/members/"},
        {"/welcome?x=1", "/welcome?y", "/welcome?y"},
        {"/welcome", "/%77elc%6Fme?a", "/%77elc%6Fme?a"},
        {"/w%65lcome", "/welcome", "/welcome"},
        {"/", "/?x", "/?x"},
    };

    for (apr_size_t i = 0; i < COUNT(cases); i++) {
        int too_long = 42;

        assert_string_equal(
            civic_on_login_path(cases[i].on_login, cases[i].back, 1000, &too_long, *state),
            cases[i].path);
        assert_int_equal(too_long, 0);
        assert_true(civic_return_path_is_local(cases[i].path));
    }
}

static void what_would_be_too_long_goes_straight(void **state)
{
    int too_long;

    assert_string_equal(civic_on_login_path("/welcome", "/ab", 18, &too_long, *state),
                        "/welcome?return=/ab" + 16);
    assert_int_equal(too_long, 1);
    assert_string_equal(civic_on_login_path("/welcome", "/ab", 19, &too_long, *state),
                        "/welcome?return=/ab");
    assert_int_equal(too_long, 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        UNIT(paths_and_urls_are_read),
        UNIT(no_other_address_is),
        UNIT(origins_are_compared),
        UNIT(people_go_there_first),
        UNIT(what_would_be_too_long_goes_straight),
    };

    return UNIT_RUN("on_login", tests);
}
