/*
 * The functions of argon.h: each hands over to its Go export, unless the
 * process is a forked child of the one that loaded the library.
 *
 * The check must stand here, in C. Entering Go in the child can hang at once:
 * the runtime's other threads do not exist there, and whatever they held stays
 * held. pthread_atfork tells the child without a system call per call, which
 * comparing getpid() would cost.
 */
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "_cgo_export.h"
#include "shim.h"

static volatile int forked;

/*
 * The descriptors that a child must not keep: a lock would outlive the process
 * that took it, and its connections would not end with it, so that no other
 * process could take over the store. A number beyond the table is not closed.
 */
static volatile unsigned char owned[1 << 16];

void shim_own(int64_t fd, int yes) {
  if (fd >= 0 && fd < (int64_t)sizeof owned) owned[fd] = (unsigned char)yes;
}

/*
 * Runs in the child before anything else does. Of two libraries that one process
 * has loaded one after the other each closes its own, and forgets them, so that
 * a grandchild does not close what has their numbers then.
 */
static void in_child(void) {
  forked = 1;
  for (int fd = 0; fd < (int)sizeof owned; fd++) {
    if (!owned[fd]) continue;
    owned[fd] = 0;
    close(fd);
  }
}

int shim_forked(void) { return forked; }

__attribute__((constructor)) static void watch_for_fork(void) {
  pthread_atfork(NULL, NULL, in_child);
}

/*
 * The error document of ForkedProcess, written out because no Go code may run
 * in the child. A test compares it with what status.go makes.
 */
static const char forked_error[] =
    "\xdf\x00\x00\x00"
    "\x01ok\x00\x00\x00\x00\x00\x00\x00\x00\x00"
    "\x02" "errmsg\x00\x4c\x00\x00\x00"
    "this process was forked after the library was loaded, and cannot use it now\x00"
    "\x10" "code\x00\x29\xcd\x0e\x00"
    "\x02" "codeName\x00\x0e\x00\x00\x00" "ForkedProcess\x00"
    "\x02" "category\x00\x08\x00\x00\x00" "invalid\x00"
    "\x02" "remedy\x00\x2e\x00\x00\x00"
    "open a client of its own in the child process\x00";

const char *shim_forked_error(int64_t *size) {
  *size = sizeof forked_error;
  return forked_error;
}

static int32_t refuse(argon_buffer *buffer) {
  if (buffer == NULL) return ARGON_FAILED;
  buffer->handle = 0;
  buffer->size = sizeof forked_error;
  if (buffer->data == NULL || buffer->capacity < buffer->size) {
    buffer->size = 0;
    return ARGON_FAILED;
  }
  memcpy(buffer->data, forked_error, sizeof forked_error);
  return ARGON_FAILED;
}

const char *argon_version(void) {
  static const char *version;
  if (version == NULL && !forked) version = goArgonVersion();
  return version == NULL ? "" : version;
}

int32_t argon_abi(void) { return ARGON_ABI; }

int32_t argon_open(const uint8_t *options, int64_t options_size,
                   argon_buffer *buffer) {
  if (forked) return refuse(buffer);
  return goArgonOpen((uint8_t *)options, options_size, buffer);
}

int32_t argon_close(int64_t client, argon_buffer *buffer) {
  if (forked) return refuse(buffer);
  return goArgonClose(client, buffer);
}

int32_t argon_command(int64_t client, const char *db, const uint8_t *command,
                      int64_t command_size, int32_t budget_ms,
                      argon_buffer *buffer) {
  if (forked) return refuse(buffer);
  if (budget_ms <= 0 && shim_gathers(db, command, command_size))
    return shim_together(client, db, command, command_size, buffer);
  return shim_settled(goArgonCommand(client, (char *)db, (uint8_t *)command,
                                     command_size,
                                     budget_ms > 0 ? budget_ms : 0, buffer),
                      buffer);
}

int32_t argon_first(int64_t client, const char *db, const uint8_t *command,
                    int64_t command_size, argon_buffer *buffer) {
  if (forked) return refuse(buffer);
  return goArgonFirst(client, (char *)db, (uint8_t *)command, command_size,
                      buffer);
}

int32_t argon_command_start(int64_t client, const char *db,
                            const uint8_t *command, int64_t command_size,
                            argon_buffer *buffer) {
  if (forked) return refuse(buffer);
  return goArgonCommandStart(client, (char *)db, (uint8_t *)command,
                             command_size, buffer);
}

int32_t argon_job_wait(int64_t job, int32_t timeout_ms, argon_buffer *buffer) {
  if (forked) return refuse(buffer);
  return goArgonJobWait(job, timeout_ms, buffer);
}

int32_t argon_job_cancel(int64_t job, argon_buffer *buffer) {
  if (forked) return refuse(buffer);
  return goArgonJobCancel(job, buffer);
}

int32_t argon_job_progress(int64_t job, argon_buffer *buffer) {
  if (forked) return refuse(buffer);
  return goArgonJobProgress(job, buffer);
}

int32_t argon_job_result(int64_t job, argon_buffer *buffer) {
  if (forked) return refuse(buffer);
  return goArgonJobResult(job, buffer);
}

int32_t argon_job_drop(int64_t job, argon_buffer *buffer) {
  if (forked) return refuse(buffer);
  return goArgonJobDrop(job, buffer);
}

int32_t argon_arrow(int64_t client, const char *db, const uint8_t *command,
                    int64_t command_size, const uint8_t *options,
                    int64_t options_size, argon_buffer *buffer) {
  if (forked) return refuse(buffer);
  return goArgonArrow(client, (char *)db, (uint8_t *)command, command_size,
                      (uint8_t *)options, options_size, buffer);
}

int32_t argon_job_stream(int64_t job, int32_t keep,
                         struct ArrowArrayStream *out, argon_buffer *buffer) {
  if (forked) return refuse(buffer);
  return shim_job_stream(job, keep, out, buffer);
}

int32_t argon_insert_arrow(int64_t client, const char *db,
                           const uint8_t *command, int64_t command_size,
                           struct ArrowArrayStream *in, const uint8_t *options,
                           int64_t options_size, argon_buffer *buffer) {
  if (forked) return refuse(buffer);
  return goArgonInsertArrow(client, (char *)db, (uint8_t *)command,
                            command_size, in, (uint8_t *)options, options_size,
                            buffer);
}

int32_t argon_test_panic(argon_buffer *buffer) {
  if (forked) return refuse(buffer);
  return goArgonTestPanic(buffer);
}
