/*
 * Arrow streams as they are given out: the exported Go stream behind functions
 * of C, so that a forked child that still holds a stream or a batch can let go
 * of it without entering the Go runtime (see argon.c). What a child lets go of
 * is not freed there.
 */
#include <errno.h>
#include <stdlib.h>

#include "_cgo_export.h"
#include "shim.h"

/* guarded_array is the private data of a batch: the release it came with. */
typedef struct {
  void (*release)(struct ArrowArray *);
  void *private_data;
} guarded_array;

static void release_array(struct ArrowArray *array) {
  if (shim_forked()) {
    array->release = NULL;
    return;
  }
  guarded_array *inner = array->private_data;
  array->release = inner->release;
  array->private_data = inner->private_data;
  free(inner);
  array->release(array);
}

static int get_schema(struct ArrowArrayStream *stream,
                      struct ArrowSchema *out) {
  struct ArrowArrayStream *inner = stream->private_data;
  return shim_forked() ? EINVAL : inner->get_schema(inner, out);
}

static int get_next(struct ArrowArrayStream *stream, struct ArrowArray *out) {
  struct ArrowArrayStream *inner = stream->private_data;
  if (shim_forked()) return EINVAL;
  guarded_array *guard = malloc(sizeof *guard);
  if (guard == NULL) return ENOMEM;
  int status = inner->get_next(inner, out);
  if (status != 0 || out->release == NULL) {
    free(guard);
    return status;
  }
  guard->release = out->release;
  guard->private_data = out->private_data;
  out->release = release_array;
  out->private_data = guard;
  return 0;
}

static const char *get_last_error(struct ArrowArrayStream *stream) {
  struct ArrowArrayStream *inner = stream->private_data;
  if (shim_forked())
    return "this process was forked after the stream was opened, and cannot "
           "read it";
  return inner->get_last_error(inner);
}

static void release_stream(struct ArrowArrayStream *stream) {
  struct ArrowArrayStream *inner = stream->private_data;
  stream->release = NULL;
  if (shim_forked()) return;
  inner->release(inner);
  free(inner);
}

int32_t shim_job_stream(int64_t job, int32_t keep,
                        struct ArrowArrayStream *out, argon_buffer *buffer) {
  struct ArrowArrayStream *inner = calloc(1, sizeof *inner);
  if (out != NULL) out->release = NULL;
  int32_t status = goArgonJobStream(job, keep, out == NULL ? NULL : inner, buffer);
  if (status != ARGON_OK) {
    free(inner);
    return status;
  }
  out->get_schema = get_schema;
  out->get_next = get_next;
  out->get_last_error = get_last_error;
  out->release = release_stream;
  out->private_data = inner;
  return ARGON_OK;
}
