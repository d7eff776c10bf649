/*
 * argon.h: the C interface of Argon, complete and hand-written.
 *
 * This file is the only declaration of the interface. Python reads this very
 * text through cffi; the library is checked against it.
 *
 * Rules
 *
 *  1. Everything is a command. A command and its reply are BSON documents, as
 *     in MongoDB; the commands are described in docs/commands.md. What is not a
 *     command here is opening, closing, long calls and Arrow streams.
 *
 *  2. Clients and jobs are numbers, never addresses. A number that is unknown,
 *     closed or of the other kind fails with HandleInvalid; it cannot crash.
 *
 *  3. Memory. The library keeps no pointer that it is given beyond the call,
 *     and gives out none: a reply is written into the caller's own buffer (see
 *     argon_buffer), so there is nothing to free. The one exception is the
 *     Arrow C stream interface, whose structures carry their release callback.
 *
 *  4. Errors. A call that returns ARGON_FAILED has written an error document
 *     instead of a reply: {ok: 0, code, codeName, errmsg, category, remedy,
 *     errInfo?, errorLabels?}.
 *
 *  5. Threads. Every function may be called from any thread at any time; calls
 *     on one client run side by side.
 *
 *  6. Panics. A defect that would end the process is caught in every function:
 *     the call fails with LibraryPanicked and, since locks may be held, so does
 *     every later call, except that jobs can be dropped and clients closed,
 *     which then forgets them without touching the store.
 *
 *  7. Fork. The library does not survive fork(). In the child every call fails
 *     at once with ForkedProcess, without entering the runtime, which could
 *     hang. A child that needs a store loads a copy of the library file under
 *     another path (a link is not enough) and opens a client of its own.
 */
#ifndef ARGON_H
#define ARGON_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The version of this interface. It changes when a declaration below does. */
#define ARGON_ABI 1

/* What a function returns. */
#define ARGON_OK 0        /* done; the buffer holds the reply, if there is one */
#define ARGON_FAILED 1    /* the buffer holds an error document */
#define ARGON_TOO_SMALL 2 /* the buffer is too small; see argon_buffer */
#define ARGON_RUNNING 3   /* not finished yet */

/*
 * A buffer of the caller's, for replies and error documents. One may be used
 * again and again; each thread needs its own.
 *
 *   data, capacity  set by the caller: the memory and its size in bytes.
 *   size            set by the library: how many bytes it wrote, or, with
 *                   ARGON_TOO_SMALL, how many it needs.
 *   handle          set by the library: the client or job that the call made,
 *                   else 0.
 *
 * ARGON_TOO_SMALL means that the command has run and its reply waits in the job
 * `handle`: fetch it with argon_job_result and a buffer of `size` bytes. The
 * command does not run again.
 */
typedef struct argon_buffer {
  uint8_t *data;
  int64_t capacity;
  int64_t size;
  int64_t handle;
} argon_buffer;

/* The release of the library, for example "0.1.0": static memory, UTF-8. */
const char *argon_version(void);

/* ARGON_ABI as the library was built with it. */
int32_t argon_abi(void);

/*
 * Opens a store and puts the client into buffer->handle.
 *
 * options is a BSON document: {uri: string, ...}. The uri is a directory, or
 * argon://host:port; empty means $ARGON_URI, or else a directory in the user's
 * data folder. Other fields are the client's options.
 */
int32_t argon_open(const uint8_t *options, int64_t options_size,
                   argon_buffer *buffer);

/*
 * Closes a client: its cursors, transactions and streams end, its running
 * commands are cancelled and awaited, and the store is released.
 */
int32_t argon_close(int64_t client, argon_buffer *buffer);

/*
 * Runs one command on the calling thread and writes its reply.
 *
 * db is "project", "project~branch" or "project~branch~moment", UTF-8.
 *
 * budget_ms, when positive, is how long the command may take: after that it is
 * stopped and the function returns ARGON_RUNNING, which says that nothing was
 * written and that the command should be started again with
 * argon_command_start. It is for commands that only read, from a thread that
 * must stay interruptible: short reads keep the short way, and long ones lose
 * no more than the budget.
 */
int32_t argon_command(int64_t client, const char *db, const uint8_t *command,
                      int64_t command_size, int32_t budget_ms,
                      argon_buffer *buffer);

/*
 * argon_command for a command that answers with a cursor, of which only the
 * first document is wanted: that is what it writes, without the reply around it;
 * a size of 0 says that there is none. The command has to close its cursor
 * ({find: ..., limit: 1, singleBatch: true}).
 */
int32_t argon_first(int64_t client, const char *db, const uint8_t *command,
                    int64_t command_size, argon_buffer *buffer);

/*
 * Starts one command in the background and puts its job into buffer->handle.
 */
int32_t argon_command_start(int64_t client, const char *db,
                            const uint8_t *command, int64_t command_size,
                            argon_buffer *buffer);

/*
 * Waits for a job at most timeout_ms. Returns ARGON_RUNNING while it runs and
 * ARGON_OK when its result can be fetched, whether it succeeded or failed.
 */
int32_t argon_job_wait(int64_t job, int32_t timeout_ms, argon_buffer *buffer);

/*
 * Asks a job to stop, and returns without waiting. It then ends soon, with
 * Interrupted, or with its result if that came first. A stream that came from
 * the job ends as well.
 */
int32_t argon_job_cancel(int64_t job, argon_buffer *buffer);

/*
 * Writes what a job says about its progress: {done: long, total: long?, unit:
 * string, ...}, or an empty document when it says nothing.
 */
int32_t argon_job_progress(int64_t job, argon_buffer *buffer);

/*
 * Writes the result of a finished job, as argon_command would have, and forgets
 * the job, unless it returns ARGON_TOO_SMALL. ARGON_RUNNING: not finished.
 */
int32_t argon_job_result(int64_t job, argon_buffer *buffer);

/* Cancels a job if it still runs, and forgets it and its result. */
int32_t argon_job_drop(int64_t job, argon_buffer *buffer);

/*
 * The Arrow C data and stream interfaces, as the Arrow specification gives
 * them. The guards let other headers declare them too.
 */
#ifndef ARROW_C_DATA_INTERFACE
#define ARROW_C_DATA_INTERFACE

struct ArrowSchema {
  const char *format;
  const char *name;
  const char *metadata;
  int64_t flags;
  int64_t n_children;
  struct ArrowSchema **children;
  struct ArrowSchema *dictionary;
  void (*release)(struct ArrowSchema *);
  void *private_data;
};

struct ArrowArray {
  int64_t length;
  int64_t null_count;
  int64_t offset;
  int64_t n_buffers;
  int64_t n_children;
  const void **buffers;
  struct ArrowArray **children;
  struct ArrowArray *dictionary;
  void (*release)(struct ArrowArray *);
  void *private_data;
};

#endif /* ARROW_C_DATA_INTERFACE */

#ifndef ARROW_C_STREAM_INTERFACE
#define ARROW_C_STREAM_INTERFACE

struct ArrowArrayStream {
  int (*get_schema)(struct ArrowArrayStream *, struct ArrowSchema *out);
  int (*get_next)(struct ArrowArrayStream *, struct ArrowArray *out);
  const char *(*get_last_error)(struct ArrowArrayStream *);
  void (*release)(struct ArrowArrayStream *);
  void *private_data;
};

#endif /* ARROW_C_STREAM_INTERFACE */

/*
 * Starts a command that answers with a cursor (find, aggregate, argonDiff,
 * argonLog ...) and makes its documents an Arrow stream, decoding nothing on
 * the way. Puts a job into buffer->handle; when argon_job_wait says that it is
 * finished, argon_job_stream gives the stream.
 *
 * options is a BSON document, or NULL and 0: {schema: {<field>: <type>}?,
 * batchRows: int?, workers: int?, bufferBytes: long?}. The shape that each BSON
 * type takes, and what a schema may say, stand in core/columnar/doc.go.
 */
int32_t argon_arrow(int64_t client, const char *db, const uint8_t *command,
                    int64_t command_size, const uint8_t *options,
                    int64_t options_size, argon_buffer *buffer);

/*
 * Moves the stream of a finished argon_arrow job to *out, which the caller
 * releases, or fails with the error that the job ended with. The job stays until then, so that argon_job_cancel can end the
 * stream from another thread; releasing the stream forgets the job. With keep
 * not 0 the job stays even longer, until argon_job_drop: argon_job_result gives
 * the error document of a stream that broke, of which a consumer that reads the
 * stream for the caller hands on the text at most.
 */
int32_t argon_job_stream(int64_t job, int32_t keep,
                         struct ArrowArrayStream *out, argon_buffer *buffer);

/*
 * Starts inserting the rows of an Arrow stream as documents, a batch at a time.
 * The stream is moved: the library releases it, also when the call fails.
 * Puts a job into buffer->handle; its result is the reply of an insert: {ok: 1,
 * n: <rows inserted>, argonLSN: <last commit>, writeErrors: [...]?}.
 *
 * command is an insert command without its documents: {insert: <collection>,
 * ordered: bool?, ...}. options is a BSON document, or NULL and 0: {nulls: bool?
 * (write nulls, which are left out otherwise), types: {<path>: <type>}?,
 * batchRows: int?}.
 */
int32_t argon_insert_arrow(int64_t client, const char *db,
                           const uint8_t *command, int64_t command_size,
                           struct ArrowArrayStream *in, const uint8_t *options,
                           int64_t options_size, argon_buffer *buffer);

/*
 * Panics on purpose, so that tests can see what rule 6 promises. It does no
 * harm beyond that rule.
 */
int32_t argon_test_panic(argon_buffer *buffer);

#ifdef __cplusplus
}
#endif

#endif /* ARGON_H */
