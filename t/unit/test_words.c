/* What people read: every language is whole, and each is found by what browsers ask for. */
#include "unit.h"

#include <apr_strings.h>
#include <ctype.h>
#include <dirent.h>
#include <string.h>

#include "accept_language.h"
#include "encoding.h"

static apr_array_header_t *built_in(apr_pool_t *pool)
{
    const char *fault;
    apr_array_header_t *languages = civic_words_all(civic_language_sources, &fault, pool);

    if (!languages) {
        fail_msg("%s", fault);
    }
    return languages;
}

static civic_language_t *language_at(const apr_array_header_t *languages, int i)
{
    return APR_ARRAY_IDX(languages, i, civic_language_t *);
}

/* ---- src/languages ---- */

static const json_t *file_of(const civic_language_t *language, apr_pool_t *pool)
{
    return unit_read_json(apr_psprintf(pool, "src/languages/%s.json", language->tag), pool);
}

static void english_german_french_spanish_portuguese_and_japanese_are_built_in(void **state)
{
    static const char *const tags[] = {"en", "de", "fr", "es", "pt", "ja"};
    apr_array_header_t *languages = built_in(*state);

    assert_string_equal(language_at(languages, 0)->tag, "en");
    for (apr_size_t i = 0; i < COUNT(tags); i++) {
        assert_case(civic_language_find(languages, tags[i]), tags[i]);
    }
    assert_int_equal(languages->nelts, COUNT(tags));
}

static void every_language_has_each_key_once_and_in_the_order_of_english(void **state)
{
    apr_array_header_t *languages = built_in(*state);
    const json_t *english = file_of(language_at(languages, 0), *state);

    for (int i = 1; i < languages->nelts; i++) {
        const json_t *file = file_of(language_at(languages, i), *state);
        void *at = json_object_iter((json_t *)file);
        const char *key;
        json_t *value;

        json_object_foreach((json_t *)english, key, value)
        {
            assert_case(at, key);
            assert_string_equal(json_object_iter_key(at), key);
            at = json_object_iter_next((json_t *)file, at);
        }
        assert_null(at);
    }
}

/* In which order is the language's own choice. */
static void every_text_has_each_placeholder_of_english(void **state)
{
    apr_array_header_t *languages = built_in(*state);
    apr_hash_index_t *i;

    for (i = apr_hash_first(*state, language_at(languages, 0)->texts); i;
         i = apr_hash_next(i)) {
        for (const char *open = strchr(apr_hash_this_val(i), '{'); open;
             open = strchr(open + 1, '{')) {
            const char *name = apr_pstrmemdup(*state, open, strcspn(open, "}") + 1);

            for (int j = 1; j < languages->nelts; j++) {
                assert_case(
                    strstr(civic_words_text(language_at(languages, j), apr_hash_this_key(i)),
                           name),
                    apr_psprintf(*state, "%s.json: %s: %s", language_at(languages, j)->tag,
                                 (const char *)apr_hash_this_key(i), name));
            }
        }
    }
}

/* A button that does not fit on a small telephone is no button. Characters, Japanese ones
 * being as wide as two. */
static int width_of(const char *text)
{
    int width = 0;

    for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
        width += (*p & 0xc0) == 0x80 ? 0 : *p >= 0xe3 ? 2 : 1;
    }
    return width;
}

static void nothing_is_too_long(void **state)
{
    static const struct {
        const char *prefix;
        int most;
    } limits[] = {{"page.button.", 36},    {"page.title.", 40},
                  {"page.again", 24},      {"page.start-again", 24},
                  {"page.logout-", 36},    {"page.asks.", 60},
                  {"login.again-now", 60}, {"login.again", 36},
                  {"login.", 260},         {"dialog.login", 24},
                  {"dialog.cancel", 24},   {"dialog.words", 80},
                  {"rule.", 160},          {"", 280}};
    apr_array_header_t *languages = built_in(*state);
    apr_hash_index_t *at;

    for (int i = 0; i < languages->nelts; i++) {
        const civic_language_t *language = language_at(languages, i);

        for (at = apr_hash_first(*state, language->texts); at; at = apr_hash_next(at)) {
            const char *key = apr_hash_this_key(at);
            int row = 0;

            while (strncmp(key, limits[row].prefix, strlen(limits[row].prefix))) {
                row++;
            }
            assert_case(width_of(apr_hash_this_val(at)) <= limits[row].most,
                        apr_psprintf(*state, "%s.json: %s: %d", language->tag, key,
                                     width_of(apr_hash_this_val(at))));
        }
    }
}

/* ' and " are for programs; blanks at an end are never meant. */
static void texts_are_set_well(void **state)
{
    apr_array_header_t *languages = built_in(*state);
    apr_hash_index_t *at;

    for (int i = 0; i < languages->nelts; i++) {
        const civic_language_t *language = language_at(languages, i);

        for (at = apr_hash_first(*state, language->texts); at; at = apr_hash_next(at)) {
            const char *text = apr_hash_this_val(at);
            const char *what = apr_psprintf(*state, "%s.json: %s", language->tag, text);

            assert_case(!strpbrk(text, "'\"<>&"), what);
            assert_case(!strstr(text, "  ") && !strstr(text, "..."), what);
            assert_case(text[0] != ' ' && text[strlen(text) - 1] != ' ', what);
        }
    }
}

static int ends_a_sentence(const char *text)
{
    static const char *const ends[] = {".", "?", "。", "？"};

    for (apr_size_t i = 0; i < COUNT(ends); i++) {
        apr_size_t len = strlen(ends[i]);

        if (strlen(text) > len && !strcmp(text + strlen(text) - len, ends[i])) {
            return 1;
        }
    }
    return 0;
}

static void every_reason_has_sentences(void **state)
{
    apr_array_header_t *languages = built_in(*state);

    for (int i = 0; i < languages->nelts; i++) {
        for (int reason = CIVIC_OK + 1; reason < CIVIC_REASON_COUNT; reason++) {
            const char *words = civic_words_reason(language_at(languages, i), reason);

            assert_case(strlen(words) > 10 && ends_a_sentence(words),
                        apr_psprintf(*state, "%s.json: %s", language_at(languages, i)->tag,
                                     civic_reason_info(reason)->name));
        }
    }
}

static void what_is_no_reason_reads_as_internal(void **state)
{
    const civic_language_t *english = language_at(built_in(*state), 0);
    const char *internal = civic_words_reason(english, CIVIC_INTERNAL);

    assert_string_equal(civic_words_reason(english, CIVIC_OK), internal);
    assert_string_equal(civic_words_reason(english, CIVIC_REASON_COUNT), internal);
    assert_string_equal(civic_words_reason(english, (civic_reason)-1), internal);
}

/* ---- who uses them ---- */

/* The text of every source: what ends in `ending` below `folder`. */
static const char *sources(const char *folder, const char *ending, apr_pool_t *pool)
{
    DIR *dir = opendir(apr_pstrcat(pool, CIVIC_SOURCE "/", folder, NULL));
    const char *all = "";
    struct dirent *entry;

    assert_non_null(dir);
    while ((entry = readdir(dir))) {
        apr_size_t len = strlen(entry->d_name);

        if (len > strlen(ending) && !strcmp(entry->d_name + len - strlen(ending), ending)) {
            const char *path = apr_pstrcat(pool, folder, "/", entry->d_name, NULL);

            all = apr_pstrcat(pool, all, "\n", unit_read(path, pool).data, NULL);
        }
    }
    closedir(dir);
    return all;
}

static int is_key_of_reason(const char *key)
{
    for (int reason = CIVIC_OK + 1; reason < CIVIC_REASON_COUNT; reason++) {
        if (!strcmp(key, civic_reason_info(reason)->name)) {
            return 1;
        }
    }
    return 0;
}

/* words.key, and not the beginning of a longer one. */
static int is_member(const char *script, const char *name)
{
    for (const char *p = script; (p = strstr(p, name)); p++) {
        if (!isalnum((unsigned char)p[strlen(name)])) {
            return 1;
        }
    }
    return 0;
}

static void every_key_is_used(void **state)
{
    const civic_language_t *english = language_at(built_in(*state), 0);
    const char *c = sources("src", ".c", *state);
    const char *html = sources("src/assets", ".html", *state);
    const char *script = sources("src/assets", ".js", *state);
    apr_hash_index_t *at;

    for (at = apr_hash_first(*state, english->texts); at; at = apr_hash_next(at)) {
        const char *key = apr_hash_this_key(at);
        int used;

        if (!strncmp(key, "reason.", 7)) {
            used = is_key_of_reason(key + 7);
        }
        else if (!strncmp(key, "login.", 6)) {
            used = strstr(script, apr_psprintf(*state, "'%s'", key + 6))
                   || is_member(script, apr_psprintf(*state, "words.%s", key + 6));
        }
        else {
            used = strstr(c, apr_psprintf(*state, "\"%s\"", key))
                   || strstr(html, apr_psprintf(*state, "{{%s}}", key));
        }
        assert_case(used, key);
    }
}

static int is_file(const char *name)
{
    const char *ending = strrchr(name, '.');

    return ending
           && (!strcmp(ending, ".h") || !strcmp(ending, ".css") || !strcmp(ending, ".js"));
}

/* "page.x" in C, {{page.x}} in a template: what looks like a key is one. */
static void every_key_that_is_used_is_there(void **state)
{
    const civic_language_t *english = language_at(built_in(*state), 0);
    const char *all = apr_pstrcat(*state, sources("src", ".c", *state),
                                  sources("src/assets", ".html", *state), NULL);
    static const char *const starts[] = {"\"page.", "\"rule.", "\"login.", "\"dialog.",
                                         "{{page."};
    int count = 0;

    for (apr_size_t i = 0; i < COUNT(starts); i++) {
        const char *p = all;

        while ((p = strstr(p, starts[i]))) {
            const char *start = p + strspn(p, "\"{");
            apr_size_t len = strspn(start, "abcdefghijklmnopqrstuvwxyz.-");
            const char *key = apr_pstrmemdup(*state, start, len);

            p = start;
            if (key[len - 1] == '.' || is_file(key)) {
                continue; /* a group */
            }
            assert_case(*civic_words_text(english, key), key);
            count++;
        }
    }
    assert_true(count > 30);
}

/* ---- a file of a site ---- */

static civic_language_t *read_file(const char *tag, const char *text,
                                   const civic_language_t *base, int *missing,
                                   const char **fault, apr_pool_t *pool)
{
    return civic_words_read(tag, text, strlen(text), base, missing, fault, pool);
}

static void a_file_may_say_a_part(void **state)
{
    apr_array_header_t *languages = built_in(*state);
    const char *fault;
    int missing;
    const civic_language_t *english = language_at(languages, 0);
    civic_language_t *hebrew =
        read_file("he", "{\"_name\":\"עברית\",\"_dir\":\"rtl\",\"page.again\":\"שוב\"}",
                  english, &missing, &fault, *state);

    assert_non_null(hebrew);
    assert_int_equal(missing, apr_hash_count(english->texts) - 1);
    assert_string_equal(hebrew->direction, "rtl");
    assert_string_equal(hebrew->name, "עברית");
    assert_string_equal(civic_words_text(hebrew, "page.again"), "שוב");
    /* English among Hebrew: in an isolate of its own direction */
    assert_string_equal(civic_words_text(hebrew, "page.reference"), "\u2066Reference:\u2069");
    assert_non_null(strstr(civic_words_reason(hebrew, CIVIC_INTERNAL),
                           civic_words_reason(english, CIVIC_INTERNAL)));
    civic_words_add(languages, hebrew);
    assert_ptr_equal(civic_language_find(languages, "HE-il"), hebrew);
}

static void a_file_may_change_a_built_in_language(void **state)
{
    apr_array_header_t *languages = built_in(*state);
    const civic_language_t *german = civic_language_find(languages, "de");
    int count = languages->nelts, missing;
    const char *fault;
    civic_language_t *changed = read_file("DE", "{\"page.reference\":\"Kennwort:\"}", german,
                                          &missing, &fault, *state);

    assert_non_null(changed);
    assert_string_equal(changed->name, "Deutsch");
    civic_words_add(languages, changed);
    assert_int_equal(languages->nelts, count);
    assert_string_equal(civic_words_text(changed, "page.reference"), "Kennwort:");
    assert_string_equal(civic_words_text(changed, "page.again"),
                        civic_words_text(german, "page.again"));
}

static void a_file_that_is_no_good_is_refused_in_words(void **state)
{
    const civic_language_t *english = language_at(built_in(*state), 0);
    const char *long_text = apr_psprintf(*state, "{\"page.again\":\"%s\"}",
                                         unit_repeat('x', CIVIC_WORDS_TEXT_MAX + 1, *state));
    const char *large =
        apr_psprintf(*state, "{}%s", unit_repeat(' ', CIVIC_WORDS_FILE_MAX, *state));
    const struct {
        const char *text, *fault;
    } cases[] = {
        {"", "line "},
        {"[]", "it must be one flat JSON object"},
        {"{\"page.again\":\"a\",\n\"page.again\":\"b\"}", "line 2: duplicate"},
        {"{\"page.again\":\"a\",\n}", "line 2: "},
        {"{\"page.again\":\"\xff\"}", "line 1: "},
        {"{\"page.again\":\"a\\u0000b\"}", "line 1: "},
        {"{\"page.again\":1}", "\"page.again\": it is not a string"},
        {"{\"page.again\":{}}", "\"page.again\": it is not a string"},
        {"{\"page.again\":\"\"}", "\"page.again\": a text has 1 to 800 bytes, this has 0"},
        {long_text, "\"page.again\": a text has 1 to 800 bytes, this has 801"},
        {large, "it has over 131072 bytes"},
        {"{\"page.again\":\"a\\nb\"}", "control characters"},
        {"{\"page.agaim\":\"x\"}", "\"page.agaim\": there is no such key"},
        {"{\"page\\u001bx\":\"x\"}", "\"page\\x1bx\": there is no such key"},
        {"{\"_nam\":\"x\"}", "\"_nam\": there is no such key"},
        {"{\"_name\":\"{x}\"}", "no placeholder {x}"},
        {"{\"_dir\":\"RTL\"}", "\"_dir\": it must be ltr or rtl"},
        {"{\"page.forbidden\":\"{acount} no\"}",
         "\"page.forbidden\": it has no placeholder {acount}"},
        {"{\"page.again\":\"{account}\"}", "no placeholder {account}"},
        {"{\"page.forbidden\":\"{account\"}", "belongs to no placeholder"},
        {"{\"page.forbidden\":\"a } b\"}", "belongs to no placeholder"},
        {"{\"page.forbidden\":\"{}\"}", "belongs to no placeholder"},
        {"{\"page.forbidden\":\"{{account}}\"}", "belongs to no placeholder"},
    };

    for (apr_size_t i = 0; i < COUNT(cases); i++) {
        const char *fault = "none";
        int missing;

        assert_case(!read_file("it", cases[i].text, english, &missing, &fault, *state)
                        && strstr(fault, cases[i].fault),
                    apr_psprintf(*state, "%.60s: %s", cases[i].text, fault));
    }
}

static void tags_are_letters_and_hyphens(void **state)
{
    static const char *const good[] = {"de",
                                       "pt-BR",
                                       "zh-Hant-TW",
                                       "de-1996",
                                       "x",
                                       "sl-nedis",
                                       "abcdefgh-abcdefgh-abcdefgh-abcdefgh"};
    static const char *const bad[] = {
        "",     "-",         "de-",          "-de",   "de--AT",
        "d1",   "1",         "de_AT",        "de AT", "*",
        "de-*", "abcdefghi", "de-abcdefghi", "dé",    "abcdefgh-abcdefgh-abcdefgh-abcdefgh-a"};

    for (apr_size_t i = 0; i < COUNT(good); i++) {
        assert_case(civic_words_is_tag(good[i]), good[i]);
    }
    for (apr_size_t i = 0; i < COUNT(bad); i++) {
        assert_case(!civic_words_is_tag(bad[i]), bad[i]);
    }
}

/* ---- filling in ---- */

static void placeholders_stand_where_the_language_wants_them(void **state)
{
    const char *fault;
    int missing;
    const civic_language_t *language =
        read_file("xx", "{\"rule.unknown\":\"[{missing}] {rule}, {missing}\"}",
                  language_at(built_in(*state), 0), &missing, &fault, *state);

    assert_string_equal(
        civic_words_fill(*state, language, "rule.unknown", "rule", "A", "missing", "B", NULL),
        "[B] A, B");
    assert_string_equal(civic_words_fill(*state, language, "rule.unknown", "rule", "{missing}",
                                         "missing", NULL, NULL),
                        "[] {missing}, ");
    assert_string_equal(civic_words_fill(*state, language, "no.such.key", NULL), "");
}

static void templates_get_words_escaped_and_keep_the_rest(void **state)
{
    const char *fault;
    int missing;
    const civic_language_t *language =
        read_file("xx-YY", "{\"_dir\":\"rtl\",\"page.again\":\"<b>'\\\"&\"}",
                  language_at(built_in(*state), 0), &missing, &fault, *state);

    assert_string_equal(
        civic_words_page(language,
                         "{{lang}} {{dir}} {{page.again}} {{page.none}} {{?a}}{{a}}"
                         "{{/}} {{*rules}}{{words}}{{*}} {{ }} }} {{",
                         *state),
        "xx-YY rtl &lt;b&gt;&#39;&quot;&amp; {{page.none}} {{?a}}{{a}}{{/}} "
        "{{*rules}}{{words}}{{*}} {{ }} }} {{");
    assert_true(civic_words_is_placeholder(language, "page.again"));
    assert_true(civic_words_is_placeholder(language, "script-words"));
    assert_false(civic_words_is_placeholder(language, "page.agaim"));
    assert_false(civic_words_is_placeholder(language, "reason.internal"));
    assert_false(civic_words_is_placeholder(language, "site"));
}

/* Whatever a text holds, the page's own template language does not see it. */
static void words_are_never_a_template(void **state)
{
    const civic_language_t *english = language_at(built_in(*state), 0);
    const char *page;

    apr_hash_set(english->texts, "page.again", APR_HASH_KEY_STRING, "{{{state}}{{{{?x}}");
    page = civic_words_page(english, "{{page.again}}{{script-words}}", *state);
    assert_null(strstr(page, "{{"));
    assert_non_null(strstr(page, "{&#123;{state}}{&#123;{&#123;?x}}"));
    assert_non_null(strstr(page, "{host}"));
}

static void the_script_gets_its_own_words_alone(void **state)
{
    apr_array_header_t *languages = built_in(*state);

    for (int i = 0; i < languages->nelts; i++) {
        const civic_language_t *language = language_at(languages, i);
        char *last, *lines = apr_pstrdup(*state, language->script);
        int count = 0;

        for (char *line = apr_strtok(lines, "\n", &last); line;
             line = apr_strtok(NULL, "\n", &last)) {
            char *text = strchr(line, '=');

            assert_non_null(text);
            *text++ = '\0';
            assert_string_equal(
                text, civic_words_text(language, apr_pstrcat(*state, "login.", line, NULL)));
            count++;
        }
        assert_true(count > 10);
    }
}

/* ---- Accept-Language ---- */

static void the_header_chooses(void **state)
{
    static const struct {
        const char *header, *tag;
    } cases[] = {
        {NULL, "en"},
        {"", "en"},
        {"de", "de"},
        {"DE", "de"},
        {"de-AT", "de"},
        {"de-Latn-AT-1996", "de"},
        {"pt-BR,pt;q=0.9,en-US;q=0.8,en;q=0.7", "pt"},
        {"pt-PT", "pt"},
        {"en-GB,de;q=0.9", "en"},
        {"zh-CN,zh;q=0.9,ja;q=0.8,en;q=0.7", "ja"},
        {"zh", "en"},
        {"zh-x-de", "en"},
        {"fr;q=0.5, es;q=0.8", "es"},
        {"fr;q=0.5, es;q=0.5", "fr"},
        {"fr;q=0.5, es;q=0.501", "es"},
        {"fr;q=0.001", "fr"},
        {"fr;q=0", "en"},
        {"fr;q=0.000, de", "de"},
        {"de;q=0, de-AT, fr;q=0.2", "fr"},
        {"de-AT;q=0, de", "de"},
        {"*", "en"},
        {"*, de;q=0.5", "de"},
        {"de;q=0.5, *;q=0.1", "de"},
        {"  de  ", "de"},
        {"\t,, ,de ,", "de"},
        {"fr ; q=0.3 , de;q=0.4", "de"},
        {"fr;Q=0.3, de;q=0.2", "fr"},
        /* what is malformed is not there */
        {"fr;q=2, de;q=0.1", "de"},
        {"fr;q=1.001, de;q=0.1", "de"},
        {"fr;q=0.1234, de;q=0.1", "de"},
        {"fr;q=, de;q=0.1", "de"},
        {"fr;q, de;q=0.1", "de"},
        {"fr;, de;q=0.1", "de"},
        {"fr;q=-1, de;q=0.1", "de"},
        {"fr;q=1e9, de;q=0.1", "de"},
        {"fr;q=0.5;q=0.9, de;q=0.1", "de"},
        {"fr;level=1, de;q=0.1", "de"},
        {"fr q=1, de;q=0.1", "de"},
        {"fr_FR, de;q=0.1", "de"},
        {"fr-, de;q=0.1", "de"},
        {"-fr, de;q=0.1", "de"},
        {"fr\x01, de;q=0.1", "de"},
        {"\xff\xfe, de;q=0.1", "de"},
        {"fr;q=1., de;q=0.1", "fr"},
        {"q=1", "en"},
        {";q=1, de;q=0.1", "de"},
    };
    apr_array_header_t *languages = built_in(*state);

    for (apr_size_t i = 0; i < COUNT(cases); i++) {
        const char *tag = civic_language_choose(languages, cases[i].header)->tag;

        assert_case(!strcmp(tag, cases[i].tag),
                    apr_psprintf(*state, "\"%s\" gives %s", cases[i].header, tag));
    }
}

static void a_more_exact_language_goes_first(void **state)
{
    apr_array_header_t *languages = built_in(*state);
    const char *fault;
    int missing;

    civic_words_add(languages, read_file("pt-BR", "{}", language_at(languages, 0), &missing,
                                         &fault, *state));
    assert_string_equal(civic_language_choose(languages, "pt-br-x-y")->tag, "pt-BR");
    assert_string_equal(civic_language_choose(languages, "pt-PT")->tag, "pt");
    assert_string_equal(civic_language_choose(languages, "pt")->tag, "pt");
    assert_string_equal(civic_language_choose(languages, "pt-BR;q=0, pt-PT")->tag, "pt");
    assert_string_equal(civic_language_choose(languages, "pt;q=0, pt-BR, ja;q=0.1")->tag,
                        "ja");
}

/* A header of any size costs no more than one of a thousand bytes. */
static void a_long_header_is_cut(void **state)
{
    apr_array_header_t *languages = built_in(*state);
    const char *blanks = unit_repeat(' ', CIVIC_ACCEPT_LANGUAGE_MAX, *state);
    const char *commas = unit_repeat(',', CIVIC_ACCEPT_LANGUAGE_MAX - 3, *state);
    const char *many = "";

    assert_string_equal(
        civic_language_choose(languages, apr_pstrcat(*state, blanks, "de", NULL))->tag, "en");
    assert_string_equal(
        civic_language_choose(languages, apr_pstrcat(*state, commas, "de,fr", NULL))->tag,
        "de");
    /* the element that the limit runs through is not there: "de" of "deu" would be another */
    assert_string_equal(
        civic_language_choose(languages, apr_pstrcat(*state, commas, ",deu", NULL))->tag,
        "en");
    assert_string_equal(
        civic_language_choose(languages, apr_pstrcat(*state, commas, ",de", NULL))->tag, "de");
    for (int i = 0; i < CIVIC_ACCEPT_LANGUAGE_RANGES - 1; i++) {
        many = apr_pstrcat(*state, many, "zh;q=0.2,", NULL);
    }
    assert_string_equal(
        civic_language_choose(languages, apr_pstrcat(*state, many, "fr,de", NULL))->tag, "fr");
    assert_string_equal(
        civic_language_choose(languages, apr_pstrcat(*state, many, "zh,de", NULL))->tag, "en");
    assert_string_equal(
        civic_language_choose(languages, unit_repeat('a', 100000, *state))->tag, "en");
}

static void ranges_are_cut_at_hyphens_and_single_letters(void **state)
{
    apr_array_header_t *languages = built_in(*state);

    assert_string_equal(civic_language_find(languages, "ja-x-a-b")->tag, "ja");
    assert_string_equal(civic_language_find(languages, "fr-CA")->tag, "fr");
    assert_null(civic_language_find(languages, "d"));
    assert_null(civic_language_find(languages, ""));
    assert_null(civic_language_find(languages, "deu"));
    assert_null(
        civic_language_find(languages, unit_repeat('d', CIVIC_WORDS_TAG_MAX + 1, *state)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT(english_german_french_spanish_portuguese_and_japanese_are_built_in),
        UNIT(every_language_has_each_key_once_and_in_the_order_of_english),
        UNIT(every_text_has_each_placeholder_of_english),
        UNIT(nothing_is_too_long),
        UNIT(texts_are_set_well),
        UNIT(every_reason_has_sentences),
        UNIT(what_is_no_reason_reads_as_internal),
        UNIT(every_key_is_used),
        UNIT(every_key_that_is_used_is_there),
        UNIT(a_file_may_say_a_part),
        UNIT(a_file_may_change_a_built_in_language),
        UNIT(a_file_that_is_no_good_is_refused_in_words),
        UNIT(tags_are_letters_and_hyphens),
        UNIT(placeholders_stand_where_the_language_wants_them),
        UNIT(templates_get_words_escaped_and_keep_the_rest),
        UNIT(words_are_never_a_template),
        UNIT(the_script_gets_its_own_words_alone),
        UNIT(the_header_chooses),
        UNIT(a_more_exact_language_goes_first),
        UNIT(a_long_header_is_cut),
        UNIT(ranges_are_cut_at_hyphens_and_single_letters),
    };

    return UNIT_RUN("words", tests);
}
