/* people.c - made-up people and what they show. */
#include <apr_strings.h>
#include <string.h>

#include "encoding.h"
#include "sandbox.h"

const sandbox_person_t sandbox_people[] = {
    {"jane", "c6d5795f8a059e25ad29a33a60f8b402a172c3e0bbe50fd230ae8e0303609b42",
     "Jane Specimen", "jane@example.com", "+1 5551234567", "passport", "ABC1112223333",
     "1980-01-30", "2019-06-15", "2039-06-14", "USA", 1},
    {"ozdemir", "1f0c9a7d3e5b8246017f2c4e6a8b0d1f3e5c7a9b1d3f5e7092b4d6f8a0c2e4f6",
     "Gülşen Özdemir", "gulsen.ozdemir@example.org", "+90 5551112233", "ID Card", "T01A23456",
     "1975-11-05", "2020-02-29", "2040-02-28", "TUR", 1},
    {"smiley", "2a1b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d5e6f708192a3b4c5d6e7f809", "Zoë 😀 Łuk",
     "zoe@example.net", "+48 555123456", "Driving License", "00012/26/0001", "1999-12-31",
     "2021-01-01", "2036-01-01", "POL", 1},
    {"minor", "3b2c4d5e6f708192a3b4c5d6e7f8091a2b3c4d5e6f708192a3b4c5d6e7f8091a", "Tim Minor",
     "tim@example.com", "+44 5550001111", "passport", "MIN0000001", "2014-03-01", "2022-03-01",
     "2032-03-01", "GBR", 1},
    {"expired", "4c3d5e6f708192a3b4c5d6e7f8091a2b3c4d5e6f708192a3b4c5d6e7f8091a2b",
     "Old Document", "old@example.com", "+49 5559876543", "Driving License", "D99/OLD",
     "1950-07-07", "2001-01-01", "2021-1-01", "DEU", 1},
    {"stale", "5d4e6f708192a3b4c5d6e7f8091a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c",
     "Stale Mailbox", "stale@example.com", "+33 5551239876", "Voter ID", "V-123", "1988-08-08",
     "2018-08-08", "2038-08-08", "FRA", 0},
    {NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0},
};

int sandbox_person_find(const char *key)
{
    for (int i = 0; sandbox_people[i].key; i++) {
        if (!strcmp(sandbox_people[i].key, key)) {
            return i;
        }
    }
    return -1;
}

static void show(json_t *list, const char *label, const char *value, int is_valid)
{
    json_array_append_new(list, json_pack("{s:s, s:s, s:b, s:b}", "label", label, "value",
                                          value, "isValid", is_valid, "isOwner", 1));
}

static void show_document(json_t *list, const sandbox_person_t *person, apr_pool_t *pool)
{
    const char *image =
        civic_base64_encode(civic_sandbox_specimen_png, civic_sandbox_specimen_png_len, pool);
    char md5[33] = "";

    civic_md5_hex(md5, image, strlen(image));
    show(list, "documents.genericId.type", person->document, 1);
    show(list, "documents.genericId.number", person->number, 1);
    show(list, "documents.genericId.name", person->name, 1);
    show(list, "documents.genericId.dateOfBirth", person->born, 1);
    show(list, "documents.genericId.dateOfIssue", person->issued, 1);
    show(list, "documents.genericId.dateOfExpiry", person->expires, 1);
    show(list, CIVIC_LABEL_IMAGE, image, 1);
    show(list, CIVIC_LABEL_IMAGE_MD5, md5, 1);
    show(list, "documents.genericId.country", person->country, 1);
}

json_t *sandbox_person_data(const sandbox_person_t *person, const char *scope,
                            apr_pool_t *pool)
{
    json_t *list = json_array();
    int basic = !strcmp(scope, "BASIC_SIGNUP"), proof = !strcmp(scope, "PROOF_OF_IDENTITY");

    if (!basic) {
        show(list, "verifications.levels.CIVIC:IAL1", "CIVIC:IAL1", 1);
    }
    if (proof) {
        show_document(list, person, pool);
    }
    if (basic || proof) {
        show(list, "contact.personal.email", person->email, person->email_valid);
        show(list, "contact.personal.phoneNumber", person->phone, 1);
    }
    return list;
}
