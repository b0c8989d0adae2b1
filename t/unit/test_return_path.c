/* Where a person may be sent: the tricks of open redirects, and the uuid of Civic's app. */
#include "unit.h"

#include <apr_strings.h>
#include <string.h>

#include "return_path.h"

/* What redirect parameters were attacked with, in mod_auth_openidc (CVE-2019-14857,
 * CVE-2019-20479, CVE-2021-32786, CVE-2022-23527), mod_auth_mellon (CVE-2019-3877,
 * CVE-2021-3639), oauth2-proxy (CVE-2020-5233, CVE-2020-11053) and others. */
static const char *const foreign[] = {
    "",
    " ",
    "evil.example",
    "evil.example/path",
    "http://evil.example",
    "https://evil.example/",
    "HTTPS://evil.example/",
    "https:evil.example",
    "https:/evil.example",
    "https:\\\\evil.example",
    "http:///evil.example",
    "http:evil.example/",
    "ftp://evil.example",
    "javascript:alert(1)",
    "JavaScript://%0aalert(1)",
    "data:text/html,x",
    "vbscript:x",
    "mailto:x@evil.example",
    "//evil.example",
    "//evil.example/",
    "///evil.example",
    "////evil.example",
    "/////evil.example/",
    "//",
    "///",
    "//\\evil.example",
    "//user@evil.example",
    "//evil.example:80/",
    "//%65vil.example",
    "//[::1]/",
    "//./evil.example",
    "//..",
    "//@evil.example",
    "//evil.example?x",
    "//evil.example#x",
    "/\\evil.example",
    "/\\/evil.example",
    "/\\\\evil.example",
    "\\/evil.example",
    "\\\\evil.example",
    "\\evil.example",
    "\\",
    "/path\\evil",
    "/?x=\\",
    "/\t/evil.example",
    "/\t//evil.example",
    "/\n/evil.example",
    "/\r/evil.example",
    "/\r\n/evil.example",
    "/\v/evil.example",
    "/\f/evil.example",
    "/\b/evil.example",
    "/\x01/evil.example",
    "/\x1f/evil.example",
    "/\x7f/evil.example",
    "/ /evil.example",
    " /path",
    "\t/path",
    "\n/path",
    "\r\n//evil.example",
    " //evil.example",
    "\t//evil.example",
    "/path ",
    "/path\t",
    "/path\r\nLocation: https://evil.example/",
    "/path\r\nSet-Cookie: x=y",
    "/path\n",
    "/path\r",
    "/a b",
    "/?q=a b",
    "/\xc3\xa9",
    "/\xe2\x80\xa8/evil.example",
    "/\xe3\x80\x82.example",
    "/\xef\xbc\x8f/evil.example",
    "/\xa0/evil.example",
    "/\x85/evil.example",
    "/\xc0\xaf/evil.example",
    "\xe3\x80\x80//evil.example",
    "\xef\xbb\xbf/path",
    ".",
    "..",
    "./",
    "../",
    ".//evil.example",
    "..//evil.example",
    "@evil.example",
    ":80@evil.example",
    ".evil.example",
    "-evil.example",
    "#",
    "#//evil.example",
    "?x=1",
    "?//evil.example",
    ";//evil.example",
    "%2f%2fevil.example",
    "%2fpath",
    "%5cevil.example",
    "%09//evil.example",
    "x:/path",
    "x//evil.example",
    "null",
    "about:blank",
};

/* Frightening, but a path of this origin to every browser: percent-encoding is not undone
 * before a URL is taken apart, and dots are resolved within the path. */
static const char *const local[] = {
    "/",
    "/path",
    "/path/",
    "/path//double",
    "/path?query",
    "/?",
    "/?return=//evil.example",
    "/?return=https://evil.example/",
    "/#//evil.example",
    "/%2f/evil.example",
    "/%2fevil.example",
    "/%2f%2fevil.example",
    "/%5cevil.example",
    "/%5c%5cevil.example",
    "/%09/evil.example",
    "/%0d%0aLocation:%20https://evil.example/",
    "/%00/evil.example",
    "/%/evil.example",
    "/./evil.example",
    "/..;/evil.example",
    "/.evil.example",
    "/@evil.example",
    "/:80",
    "/;//evil.example",
    "/https://evil.example/",
    "/http:evil.example",
    "/javascript:alert(1)",
    "/~user/",
    "/a'b\"c<d>e`f{g}h|i^",
};

static void tricks_of_open_redirects_are_refused(void **state)
{
    for (apr_size_t i = 0; i < COUNT(foreign); i++) {
        assert_case(!civic_return_path_is_local(foreign[i]), foreign[i]);
    }
    assert_false(civic_return_path_is_local(NULL));
}

static void paths_of_this_origin_are_taken(void **state)
{
    for (apr_size_t i = 0; i < COUNT(local); i++) {
        assert_case(civic_return_path_is_local(local[i]), local[i]);
    }
}

/* In every place of a path. */
static void only_visible_ascii_without_backslash_passes(void **state)
{
    for (int place = 1; place < 6; place++) {
        for (int c = 1; c < 256; c++) {
            char path[] = "/abcdef";
            int fine = c > ' ' && c < 0x7f && c != '\\' && !(place == 1 && c == '/');

            path[place] = (char)c;
            assert_case(civic_return_path_is_local(path) == fine, path);
        }
    }
}

static void eight_kilobytes_are_the_limit(void **state)
{
    char *path = unit_repeat('a', CIVIC_RETURN_PATH_MAX, *state);

    path[0] = '/';
    assert_true(civic_return_path_is_local(path));
    assert_false(civic_return_path_is_local(apr_pstrcat(*state, path, "a", NULL)));
    assert_false(civic_return_path_is_local(apr_pstrcat(*state, path, path, path, NULL)));
}

/* ---- uuid ---- */

static void the_uuid_goes_and_all_else_stays(void **state)
{
    static const char *const pairs[][2] = {
        {"/", "/"},
        {"/?", "/?"},
        {"/?uuid=1", "/"},
        {"/?uuid", "/"},
        {"/?uuid=", "/"},
        {"/?uuid=1&a=2", "/?a=2"},
        {"/?a=2&uuid=1", "/?a=2"},
        {"/?a=2&uuid=1&b=3", "/?a=2&b=3"},
        {"/?uuid=1&a=2&uuid=3&b&uuid", "/?a=2&b"},
        {"/?uuid=1&uuid=2", "/"},
        {"/?a=%26uuid=1", "/?a=%26uuid=1"},
        {"/?UUID=1", "/?UUID=1"},
        {"/?uuid2=1", "/?uuid2=1"},
        {"/?xuuid=1", "/?xuuid=1"},
        {"/?a=uuid=1", "/?a=uuid=1"},
        {"/?uuidx", "/?uuidx"},
        {"/?a=1;uuid=2", "/?a=1;uuid=2"},
        {"/uuid=1", "/uuid=1"},
        {"/uuid=1?a=2", "/uuid=1?a=2"},
        {"/p/?a=1&&b=2&uuid=x", "/p/?a=1&&b=2"},
        {"/p?a=b?uuid=1", "/p?a=b?uuid=1"},
        {"/p?uuid=a=b?c&d=e%3D", "/p?d=e%3D"},
        {"/p?a=1&uuid=x&", "/p?a=1&"},
    };

    for (apr_size_t i = 0; i < COUNT(pairs); i++) {
        const char *stripped = civic_return_path_strip_uuid(pairs[i][0], *state);

        assert_string_equal(stripped, pairs[i][1]);
        assert_case(strcmp(pairs[i][0], pairs[i][1]) || stripped == pairs[i][0], pairs[i][0]);
    }
}

static void stripping_never_makes_a_path_foreign(void **state)
{
    static const char *const pieces[] = {"uuid=1",         "uuid", "a=b", "",
                                         "//evil.example", "&",    "?"};
    apr_uint64_t seed = 3;

    for (int i = 0; i < unit_rounds(20000, 1000); i++) {
        const char *path = "/p?", *stripped;

        for (int j = 0; j < 5; j++) {
            path = apr_pstrcat(*state, path, pieces[unit_random(&seed) % COUNT(pieces)],
                               unit_random(&seed) % 2 ? "&" : "", NULL);
        }
        stripped = civic_return_path_strip_uuid(path, *state);
        assert_case(civic_return_path_is_local(stripped), path);
        assert_case(civic_return_path_strip_uuid(stripped, *state) == stripped, path);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT(tricks_of_open_redirects_are_refused),
        UNIT(paths_of_this_origin_are_taken),
        UNIT(only_visible_ascii_without_backslash_passes),
        UNIT(eight_kilobytes_are_the_limit),
        UNIT(the_uuid_goes_and_all_else_stays),
        UNIT(stripping_never_makes_a_path_foreign),
    };

    return UNIT_RUN("return_path", tests);
}
