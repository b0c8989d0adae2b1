/* shm_shard.c - see shm_shard.h; what puts a shard in order again is in shm_mend.c, what
 * takes how much room in shm_room.c. */
#include "shm_shard.h"

#include "shm_layout.h"

enum { SWEEP_EVERY_SEC = 1 };

static apr_size_t round_up(apr_size_t n)
{
    return (n + 127) & ~(apr_size_t)127;
}

static apr_size_t layout_size(apr_uint32_t blocks)
{
    return round_up(sizeof(struct civic_shard_head)) + 2 * round_up(blocks * sizeof(link_t))
           + round_up(blocks) + (apr_size_t)blocks * BLOCK;
}

void civic_shard_locate(civic_shard_t *shard, void *base, apr_size_t size)
{
    apr_uint32_t blocks = (apr_uint32_t)(size / (BLOCK + 1 + 2 * sizeof(link_t)));

    while (layout_size(blocks) > size) {
        blocks--;
    }
    shard->head = base;
    shard->buckets = (link_t *)((char *)base + round_up(sizeof(struct civic_shard_head)));
    shard->users = (link_t *)((char *)shard->buckets + round_up(blocks * sizeof(link_t)));
    shard->kinds = (unsigned char *)shard->users + round_up(blocks * sizeof(link_t));
    shard->blocks = shard->kinds + round_up(blocks);
    /* As many as blocks: each step along a chain waits for memory, so that long ones cost
     * more. */
    shard->bucket_count = blocks;
    shard->block_count = blocks;
    shard->damaged = 0;
}

int civic_shard_format(civic_shard_t *shard)
{
    if (!civic_shard_relock(shard)) {
        return 0;
    }
    civic_shard_rebuild(shard);
    shard->head->mended = 0;
    return 1;
}

/* ---- links, all under the lock; what makes no sense marks the shard as damaged ---- */

static entry_t *session_at(civic_shard_t *shard, link_t link)
{
    if (link == 0 || link > shard->block_count || !kind_is_first(shard->kinds[link - 1])) {
        shard->damaged = 1;
        return NULL;
    }
    return entry_at(shard, link);
}

void civic_shard_hook(civic_shard_t *shard, link_t link)
{
    struct civic_shard_head *head = shard->head;
    entry_t *entry = entry_at(shard, link);
    link_t *bucket = bucket_of(shard, entry->key);
    link_t *user = user_bucket_of(shard, entry->user);

    entry->older = head->newest;
    entry->newer = 0;
    *(head->newest ? &entry_at(shard, head->newest)->newer : &head->oldest) = link;
    head->newest = link;
    entry->user_chain = *user;
    *user = link;
    head->pictures += shard->kinds[link - 1] == KIND_PICTURE;
    if (head->sessions++ == 0 || entry->expires < head->first_expiry) {
        head->first_expiry = entry->expires;
    }
    link_set(&entry->chain, *bucket);
    /* From here on readers find it. */
    __atomic_store_n(bucket, link, __ATOMIC_RELEASE);
}

/* Take `link` out of a chain that starts at `at`. */
static void chain_take_out(civic_shard_t *shard, link_t *at, link_t link,
                           apr_size_t link_offset, link_t after)
{
    apr_uint32_t steps = 0;

    while (*at != link) {
        if (!session_at(shard, *at) || ++steps > shard->block_count) {
            shard->damaged = 1;
            return;
        }
        at = (link_t *)((char *)block_at(shard, *at) + link_offset);
    }
    link_set(at, after);
}

static void list_take_out(civic_shard_t *shard, const entry_t *entry)
{
    struct civic_shard_head *head = shard->head;
    entry_t *older = entry->older ? session_at(shard, entry->older) : NULL;
    entry_t *newer = entry->newer ? session_at(shard, entry->newer) : NULL;

    if (!shard->damaged) {
        *(older ? &older->newer : &head->oldest) = entry->newer;
        *(newer ? &newer->older : &head->newest) = entry->older;
    }
}

static void list_append(civic_shard_t *shard, entry_t *entry, link_t link)
{
    struct civic_shard_head *head = shard->head;
    entry_t *newest = head->newest ? session_at(shard, head->newest) : NULL;

    entry->older = head->newest;
    entry->newer = 0;
    *(newest ? &newest->newer : &head->oldest) = link;
    head->newest = link;
}

/* All blocks of a session that no reader can find any more. They stay in their order, so that
 * the next session has its blocks one behind the other as well. */
static void blocks_free(civic_shard_t *shard, link_t first)
{
    struct civic_shard_head *head = shard->head;
    link_t last = 0;

    for (link_t link = first; link; link = link_get(block_at(shard, link))) {
        if (link > shard->block_count || shard->kinds[link - 1] == KIND_UNUSED) {
            shard->damaged = 1;
            return;
        }
        shard->kinds[link - 1] = KIND_UNUSED;
        head->unused_count++;
        last = link;
    }
    link_set(block_at(shard, last), head->unused);
    head->unused = first;
}

static void drop(civic_shard_t *shard, link_t link)
{
    struct civic_shard_head *head = shard->head;
    entry_t *entry = session_at(shard, link);

    if (!entry) {
        return;
    }
    __atomic_store_n(&head->sequence, head->sequence + 1, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_RELEASE);
    chain_take_out(shard, bucket_of(shard, entry->key), link, offsetof(entry_t, chain),
                   entry->chain);
    __atomic_store_n(&head->sequence, head->sequence + 1, __ATOMIC_RELEASE);
    __atomic_thread_fence(__ATOMIC_RELEASE); /* before anybody fills its blocks anew */
    chain_take_out(shard, user_bucket_of(shard, entry->user), link,
                   offsetof(entry_t, user_chain), entry->user_chain);
    list_take_out(shard, entry);
    if (!shard->damaged) {
        head->sessions--;
        head->pictures -= shard->kinds[link - 1] == KIND_PICTURE;
        blocks_free(shard, link);
    }
}

/* ---- room ---- */

/* Expired sessions go; the earliest end of the others is noted. */
static void sweep(civic_shard_t *shard, apr_time_t now)
{
    struct civic_shard_head *head = shard->head;
    apr_time_t first = 0;
    link_t next;

    for (link_t link = head->oldest; link && !shard->damaged; link = next) {
        const entry_t *entry = session_at(shard, link);

        if (!entry) {
            return;
        }
        next = entry->newer;
        if (entry->expires <= now) {
            drop(shard, link);
        }
        else if (!first || entry->expires < first) {
            first = entry->expires;
        }
    }
    head->first_expiry = first;
    head->swept = now;
}

/* Expired ones go, when so many blocks are not free and it was not tried just now. */
static void reclaim(civic_shard_t *shard, apr_uint32_t blocks, apr_time_t now)
{
    struct civic_shard_head *head = shard->head;

    if (head->unused_count < blocks && head->sessions && head->first_expiry <= now
        && (now < head->swept || now - head->swept >= apr_time_from_sec(SWEEP_EVERY_SEC))) {
        sweep(shard, now);
    }
}

/* A picture makes nobody go, and leaves half of the shard to sessions. */
static int has_room_for_picture(civic_shard_t *shard, apr_uint32_t blocks, apr_time_t now)
{
    blocks += shard->block_count / 2;
    reclaim(shard, blocks, now);
    return shard->head->unused_count >= blocks;
}

/* Expired ones go first, then whoever was idle for longest. */
static void make_room(civic_shard_t *shard, apr_uint32_t blocks, apr_time_t now)
{
    struct civic_shard_head *head = shard->head;

    reclaim(shard, blocks, now);
    while (head->unused_count < blocks && head->oldest && !shard->damaged) {
        const entry_t *entry = session_at(shard, head->oldest);

        if (entry && entry->expires > now && shard->kinds[head->oldest - 1] != KIND_PICTURE) {
            head->evicted++;
        }
        drop(shard, head->oldest);
    }
}

/* 0 when there is none, or the list makes no sense. */
static link_t block_take(civic_shard_t *shard, unsigned char kind)
{
    struct civic_shard_head *head = shard->head;
    link_t link = head->unused;

    if (link == 0 || link > shard->block_count || shard->kinds[link - 1] != KIND_UNUSED) {
        shard->damaged = shard->damaged || link != 0;
        return 0;
    }
    head->unused = link_get(block_at(shard, link));
    head->unused_count--;
    shard->kinds[link - 1] = kind;
    return link;
}

/* Write a session into unused blocks. @return its link, 0 when they do not suffice */
static link_t fill(civic_shard_t *shard, const civic_stored_t *session)
{
    const unsigned char *data = session->record.data;
    apr_size_t left = session->record.len, n = left < FIRST_ROOM ? left : FIRST_ROOM;
    link_t first =
        block_take(shard, session->kind == CIVIC_STORED_PICTURE ? KIND_PICTURE : KIND_FIRST);
    link_t link, next;
    entry_t entry = {.length = (apr_uint32_t)left,
                     .expires = session->expires,
                     .last_used = session->last_used};

    if (!first) {
        return 0;
    }
    memcpy(entry.key, session->key, sizeof(entry.key));
    memcpy(entry.user, session->user, sizeof(entry.user));
    entry.checksum = checksum_of(&entry, data);
    words_write(entry_at(shard, first), &entry, sizeof(entry));
    words_write(entry_at(shard, first) + 1, data, n);
    for (link = first; left > n; link = next) {
        next = block_take(shard, KIND_FURTHER);
        if (!next) {
            blocks_free(shard, first);
            return 0;
        }
        link_set(block_at(shard, next), 0);
        link_set(block_at(shard, link), next);
        data += n;
        left -= n;
        n = left < FURTHER_ROOM ? left : FURTHER_ROOM;
        words_write((char *)block_at(shard, next) + 8, data, n);
    }
    return first;
}

/* ---- the calls ---- */

static int put(civic_shard_t *shard, const civic_stored_t *session, apr_time_t now)
{
    apr_uint32_t blocks = civic_shard_blocks(session->record.len);
    link_t link;
    civic_found found = civic_shard_find(shard, session->key, &link);

    if (found == CIVIC_FOUND) {
        drop(shard, link);
    }
    shard->damaged = shard->damaged || found == CIVIC_FOUND_SENSELESS;
    if (session->kind == CIVIC_STORED_PICTURE && !has_room_for_picture(shard, blocks, now)) {
        return 0;
    }
    make_room(shard, blocks, now);
    link = shard->damaged ? 0 : fill(shard, session);
    if (link) {
        civic_shard_hook(shard, link);
    }
    return link != 0;
}

civic_store_result civic_shard_put(civic_shard_t *shard, const civic_stored_t *session,
                                   apr_time_t now)
{
    int done;

    /* No single session may push out more than a quarter of all others. */
    if (session->record.len > (apr_size_t)shard->block_count * BLOCK / 4) {
        return CIVIC_STORE_TOO_LARGE;
    }
    if (!civic_shard_lock(shard)) {
        return CIVIC_STORE_DOWN;
    }
    done = put(shard, session, now);
    if (!done && shard->damaged) {
        civic_shard_rebuild(shard);
        done = put(shard, session, now);
    }
    civic_shard_unlock(shard);
    return done ? CIVIC_STORE_OK : CIVIC_STORE_EXHAUSTED;
}

civic_store_result civic_shard_touch(civic_shard_t *shard, const unsigned char *key,
                                     apr_time_t now)
{
    civic_found found;
    link_t link;

    if (!civic_shard_lock(shard)) {
        return CIVIC_STORE_DOWN;
    }
    found = civic_shard_find(shard, key, &link);
    if (found == CIVIC_FOUND && entry_at(shard, link)->expires <= now) {
        found = CIVIC_FOUND_NONE;
    }
    if (found == CIVIC_FOUND) {
        entry_t *entry = entry_at(shard, link);

        __atomic_store_n(&entry->last_used, now, __ATOMIC_RELAXED);
        list_take_out(shard, entry);
        if (!shard->damaged) {
            list_append(shard, entry, link);
        }
    }
    shard->damaged = shard->damaged || found == CIVIC_FOUND_SENSELESS;
    civic_shard_unlock(shard);
    return found == CIVIC_FOUND ? CIVIC_STORE_OK : CIVIC_STORE_MISSING;
}

civic_store_result civic_shard_remove(civic_shard_t *shard, const unsigned char *key)
{
    civic_found found;
    link_t link;

    if (!civic_shard_lock(shard)) {
        return CIVIC_STORE_DOWN;
    }
    found = civic_shard_find(shard, key, &link);
    if (found == CIVIC_FOUND) {
        drop(shard, link);
    }
    shard->damaged = shard->damaged || found == CIVIC_FOUND_SENSELESS;
    civic_shard_unlock(shard);
    return found == CIVIC_FOUND ? CIVIC_STORE_OK : CIVIC_STORE_MISSING;
}

/* The next session of a user from here on along the chain; 0 for none. */
static link_t next_of_user(civic_shard_t *shard, link_t link, const unsigned char *user)
{
    apr_uint32_t steps = 0;

    while (link) {
        const entry_t *entry = session_at(shard, link);

        if (!entry || ++steps > shard->block_count) {
            shard->damaged = 1;
            return 0;
        }
        if (!memcmp(entry->user, user, CIVIC_STORE_USER_LEN)) {
            return link;
        }
        link = entry->user_chain;
    }
    return 0;
}

civic_store_result civic_shard_remove_user(civic_shard_t *shard, const unsigned char *user,
                                           int *count)
{
    link_t link, after;

    if (!civic_shard_lock(shard)) {
        return CIVIC_STORE_DOWN;
    }
    for (link = next_of_user(shard, *user_bucket_of(shard, user), user); link;
         link = next_of_user(shard, after, user)) {
        after = entry_at(shard, link)->user_chain;
        drop(shard, link);
        (*count)++;
        if (shard->damaged) {
            civic_shard_rebuild(shard);
            after = *user_bucket_of(shard, user);
        }
    }
    civic_shard_unlock(shard);
    return CIVIC_STORE_OK;
}

static void show(const civic_shard_t *shard, link_t link, civic_store_visit_fn *visit,
                 void *baton, apr_pool_t *pool)
{
    entry_t entry = *entry_at(shard, link);
    civic_stored_t session;
    unsigned char *record;

    if (entry.length > (apr_size_t)shard->block_count * BLOCK) {
        return;
    }
    record = apr_palloc(pool, entry.length + 1u);
    if (civic_shard_copy(shard, link, &entry, record)
        && checksum_of(&entry, record) == entry.checksum) {
        civic_shard_give(&session, &entry, record);
        session.kind = shard->kinds[link - 1] == KIND_PICTURE ? CIVIC_STORED_PICTURE
                                                              : CIVIC_STORED_SESSION;
        visit(baton, &session);
    }
}

civic_store_result civic_shard_visit(civic_shard_t *shard, const unsigned char *user,
                                     civic_store_visit_fn *visit, void *baton,
                                     apr_pool_t *pool)
{
    apr_uint32_t steps = 0;
    link_t link;

    if (!civic_shard_lock(shard)) {
        return CIVIC_STORE_DOWN;
    }
    link =
        user ? next_of_user(shard, *user_bucket_of(shard, user), user) : shard->head->oldest;
    while (link && session_at(shard, link) && ++steps <= shard->block_count) {
        show(shard, link, visit, baton, pool);
        link = user ? next_of_user(shard, entry_at(shard, link)->user_chain, user)
                    : entry_at(shard, link)->newer;
    }
    civic_shard_unlock(shard);
    return CIVIC_STORE_OK;
}
