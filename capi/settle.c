/*
 * Where threads wait for the disk, outside of Go (settle.go tells why).
 *
 * Those whose commands are unsettled gather in a group. The first one that finds
 * nobody leading takes the group, itself in it, and has Go settle all of it, which
 * takes one sync; those that come meanwhile are the next group. A group sleeps on
 * a condition of its own, so that its end wakes nobody of the next one but the
 * thread that leads it: two conditions are enough, since a group is gathered only
 * once the one before the last has been woken.
 */
#include <pthread.h>

#include "_cgo_export.h"
#include "shim.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t over[2] = {PTHREAD_COND_INITIALIZER,
                                 PTHREAD_COND_INITIALIZER};
static shim_waiter *gathered;
static unsigned group; /* number of the one that gathers */
static int leading;

/*
 * Settles the group that has gathered. lock is held, and given up. Those that are
 * woken find it free.
 */
static void lead(void) {
  shim_waiter *first = gathered;
  unsigned mine = group++;
  gathered = NULL;
  leading = 1;
  pthread_mutex_unlock(&lock);
  goArgonSettle(first);
  pthread_mutex_lock(&lock);
  for (shim_waiter *w = first; w != NULL; w = w->next) w->settled = 1;
  leading = 0;
  int more = gathered != NULL;
  pthread_mutex_unlock(&lock); /* from here on, first and its like are gone */
  pthread_cond_broadcast(&over[mine & 1]);
  if (more) pthread_cond_signal(&over[(mine + 1) & 1]);
}

int32_t shim_settled(int32_t status, argon_buffer *buffer) {
  if (!(status & SHIM_UNSETTLED)) return status;
  shim_waiter self = {buffer, status, 0, NULL};
  pthread_mutex_lock(&lock);
  self.next = gathered;
  gathered = &self;
  unsigned mine = group;
  while (!self.settled && leading) pthread_cond_wait(&over[mine & 1], &lock);
  if (self.settled)
    pthread_mutex_unlock(&lock);
  else
    lead();
  return self.status;
}
