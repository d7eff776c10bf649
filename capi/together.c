/*
 * Small inserts of threads that come at the same time.
 *
 * Each of them would wait for the branch's lock in Go, one behind the other, where
 * a sleeping thread of C's is woken by way of the scheduler (settle.go): with
 * sixteen threads there were four switches of threads to an insert, and they cost
 * more than the insert. So they wait here. The first to come runs its own; who
 * comes meanwhile, for the same branch, gathers; then the first of those runs all
 * that have gathered, on its one thread, and settles them with one sync.
 *
 * Each that is done wakes the next, instead of one all of them at once: in Python
 * they need the interpreter's lock, which they then get one by one.
 */
#include <pthread.h>
#include <string.h>

#include "_cgo_export.h"
#include "shim.h"

typedef struct call {
  shim_waiter waiter;
  const char *db;
  const uint8_t *command;
  int64_t size;
  struct call *next;
  pthread_cond_t wake;
  int woken, done; /* woken and not done: it is its turn to run */
} call;

/* The first and the last that have gathered, while somebody runs. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static call *first, *last;
static int running;
static int64_t running_client;
static const char *running_db; /* of one that runs, or is about to */

static void wake(call *c) {
  c->woken = 1;
  pthread_cond_signal(&c->wake);
}

/* Runs calls one behind the other. One alone may wait for the disk in Go. */
static void run(int64_t client, call *group) {
  int32_t budget = group->next == NULL ? 0 : SHIM_GATHERED;
  for (call *c = group; c != NULL; c = c->next) {
    c->waiter.status =
        goArgonCommand(client, (char *)c->db, (uint8_t *)c->command, c->size,
                       budget, c->waiter.buffer);
    c->waiter.next = c->next == NULL ? NULL : &c->next->waiter;
  }
  goArgonSettle(&group->waiter);
}

int shim_gathers(const char *db, const uint8_t *command, int64_t size) {
  static const char insert[] = "\x02insert";
  return db != NULL && command != NULL && size > 4 + (int64_t)sizeof insert &&
         size <= 32 << 10 && memcmp(command + 4, insert, sizeof insert) == 0;
}

int32_t shim_together(int64_t client, const char *db, const uint8_t *command,
                      int64_t size, argon_buffer *buffer) {
  call self = {{buffer, 0, 0, NULL}, db, command, size, NULL,
               PTHREAD_COND_INITIALIZER, 0, 0};
  pthread_mutex_lock(&lock);
  if (running && (client != running_client || strcmp(db, running_db) != 0)) {
    pthread_mutex_unlock(&lock);
    return shim_settled(goArgonCommand(client, (char *)db, (uint8_t *)command,
                                       size, 0, buffer),
                        buffer);
  }
  if (running) {
    if (first == NULL) first = &self;
    else last->next = &self;
    last = &self;
    while (!self.woken) pthread_cond_wait(&self.wake, &lock);
  }
  if (!self.done) {
    running = 1;
    running_client = client;
    running_db = db;
    first = NULL; /* it was self, if there was one */
    pthread_mutex_unlock(&lock);
    run(client, &self);
    pthread_mutex_lock(&lock);
    for (call *c = self.next; c != NULL; c = c->next) c->done = 1;
    running = first != NULL;
    if (running) {
      running_db = first->db;
      wake(first);
    }
  }
  if (self.next != NULL) wake(self.next);
  pthread_mutex_unlock(&lock);
  pthread_cond_destroy(&self.wake);
  return self.waiter.status;
}
