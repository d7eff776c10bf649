/* What the files of C here offer to each other and to Go, beside argon.h. */
#ifndef ARGON_SHIM_H
#define ARGON_SHIM_H

#include "argon.h"

#define ARGON_HIDDEN __attribute__((visibility("hidden")))

/* Whether this process is a forked child of the one that loaded the library. */
ARGON_HIDDEN int shim_forked(void);

/* Marks a descriptor as one that a forked child closes, or takes the mark away. */
ARGON_HIDDEN void shim_own(int64_t fd, int yes);

/* The error document of ForkedProcess. */
ARGON_HIDDEN const char *shim_forked_error(int64_t *size);

/* argon_job_stream, in a process that is no forked child. */
ARGON_HIDDEN int32_t shim_job_stream(int64_t job, int32_t keep,
                                     struct ArrowArrayStream *out,
                                     argon_buffer *buffer);

/*
 * In the status of goArgonCommand: the reply is in the buffer, and the caller may
 * have it once goArgonSettle was called with it. Until then handle is its number.
 */
#define SHIM_UNSETTLED 0x100

/* As the budget of goArgonCommand: what has to be settled comes back unsettled. */
#define SHIM_GATHERED -1

/* A caller whose command may be unsettled. */
typedef struct shim_waiter {
  argon_buffer *buffer;
  int32_t status; /* of goArgonCommand; settled, what argon_command returns */
  int32_t settled;
  struct shim_waiter *next;
} shim_waiter;

/* Returns what argon_command returns, once the command is settled. */
ARGON_HIDDEN int32_t shim_settled(int32_t status, argon_buffer *buffer);

/* Whether argon_command is to run this command by shim_together. */
ARGON_HIDDEN int shim_gathers(const char *db, const uint8_t *command,
                              int64_t size);

/* argon_command for an insert, with others that come at the same time. */
ARGON_HIDDEN int32_t shim_together(int64_t client, const char *db,
                                   const uint8_t *command, int64_t size,
                                   argon_buffer *buffer);

#endif /* ARGON_SHIM_H */
