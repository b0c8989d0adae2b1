/* reason.c - see reason.h. */
#include "reason.h"

static const civic_reason_info_t reasons[CIVIC_REASON_COUNT] = {
#define CIVIC_REASON_ROW(symbol, name, status, loudness, retry)                               \
    [symbol] = {name, status, loudness, retry},
    CIVIC_REASONS(CIVIC_REASON_ROW)
#undef CIVIC_REASON_ROW
};

const civic_reason_info_t *civic_reason_info(civic_reason reason)
{
    if (reason <= CIVIC_OK || reason >= CIVIC_REASON_COUNT) {
        reason = CIVIC_INTERNAL;
    }
    return &reasons[reason];
}
