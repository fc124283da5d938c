/* libstorpool.so as a C program uses it, against a cluster in another process (test_cluster.cc). */
#define _POSIX_C_SOURCE 200809L

#include "bindings/c/storpool.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHECK(condition)                                                      \
  do {                                                                        \
    if (!(condition)) {                                                       \
      fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
      exit(1);                                                                \
    }                                                                         \
  } while (0)

#define KIB 1024u
#define MIB (1024u * 1024u)
#define VOLUME_BYTES (64u * MIB)
#define LONG_MS 60000

/* ------------------------------------------------------------------------------ the cluster */

static FILE* commands;
static FILE* answers;
static pid_t cluster_process;
static char metadata[256];
static char cluster_file[4096];

static void start_cluster(const char* program) {
  int to[2], from[2];
  char folder[4096];
  const char* temporary = getenv("TEST_TMPDIR");
  CHECK(temporary != NULL);
  snprintf(folder, sizeof folder, "%s/cluster", temporary);
  CHECK(mkdir(folder, 0700) == 0);
  CHECK(pipe(to) == 0 && pipe(from) == 0);
  cluster_process = fork();
  CHECK(cluster_process >= 0);
  if (cluster_process == 0) {
    dup2(to[0], 0);
    dup2(from[1], 1);
    close(to[0]), close(to[1]), close(from[0]), close(from[1]);
    execl(program, program, folder, (char*)NULL);
    _exit(127);
  }
  close(to[0]), close(from[1]);
  commands = fdopen(to[1], "w");
  answers = fdopen(from[0], "r");
  CHECK(fscanf(answers, "%255s %4095s", metadata, cluster_file) == 2);
}

static void tell_cluster(const char* command) {
  char answer[16];
  fprintf(commands, "%s\n", command);
  fflush(commands);
  CHECK(fscanf(answers, "%15s", answer) == 1 && strcmp(answer, "done") == 0);
}

static void end_cluster(void) {
  int status = -1;
  fclose(commands);
  CHECK(waitpid(cluster_process, &status, 0) == cluster_process && status == 0);
  fclose(answers);
}

static int said(const sp_cluster* cluster, const char* words) {
  char text[1024];
  const size_t length = sp_cluster_message(cluster, text, sizeof text);
  if (length == strlen(text) && strstr(text, words) != NULL) return 1;
  fprintf(stderr, "\"%s\" is not in \"%s\"\n", words, text);
  return 0;
}

static sp_cluster* settings(const char* addresses) {
  sp_cluster* cluster = sp_cluster_new();
  CHECK(cluster != NULL);
  CHECK(sp_cluster_set(cluster, "metadata", addresses) == SP_OK);
  CHECK(sp_cluster_set(cluster, "cluster", cluster_file) == SP_OK);
  CHECK(sp_cluster_set(cluster, "client", "1") == SP_OK);
  CHECK(sp_cluster_set(cluster, "log", "error") == SP_OK);
  return cluster;
}

static sp_volume* opened(sp_cluster* cluster, const char* name, int mode) {
  sp_volume* volume = NULL;
  const int result = sp_volume_open(cluster, name, mode, LONG_MS, &volume);
  if (result != SP_OK) CHECK(said(cluster, "no message, since it worked"));
  CHECK(volume != NULL && sp_volume_size(volume) == VOLUME_BYTES);
  return volume;
}

/* ------------------------------------------------------------------------------- the content */

static uint8_t byte_at(uint64_t offset, unsigned seed) {
  return (uint8_t)((offset / 512 * 2654435761u + offset % 512 + seed) >> 3);
}

static void fill(uint8_t* bytes, size_t size, uint64_t offset, unsigned seed) {
  size_t i;
  for (i = 0; i < size; ++i) bytes[i] = byte_at(offset + i, seed);
}

static int holds(const uint8_t* bytes, size_t size, uint64_t offset, unsigned seed) {
  size_t i;
  for (i = 0; i < size; ++i) {
    if (bytes[i] != byte_at(offset + i, seed)) return 0;
  }
  return 1;
}

static int is_zero(const uint8_t* bytes, size_t size) {
  size_t i;
  for (i = 0; i < size; ++i) {
    if (bytes[i] != 0) return 0;
  }
  return 1;
}

/* --------------------------------------------------------------- a stripe written at a depth */

#define DEPTH 32
#define PIECE (16u * KIB)

struct stripe;
struct slot {
  struct stripe* stripe;
  uint64_t offset;
  uint8_t bytes[PIECE];
};
struct stripe {
  sp_volume* volume;
  uint64_t next, end;
  unsigned seed;
  int reading;
  int submitted, ended, bad;
  pthread_mutex_t mutex;
  pthread_cond_t changed;
  struct slot slots[DEPTH];
};

static void slot_ended(void* context, int error, const char* message);

/* The stripe's mutex is held. */
static void next_piece(struct slot* slot) {
  struct stripe* stripe = slot->stripe;
  int result;
  slot->offset = stripe->next;
  stripe->next += PIECE;
  ++stripe->submitted;
  if (stripe->reading) {
    result = sp_aio_read(stripe->volume, slot->bytes, PIECE, slot->offset, slot_ended, slot);
  } else {
    fill(slot->bytes, PIECE, slot->offset, stripe->seed);
    result = sp_aio_write(stripe->volume, slot->bytes, PIECE, slot->offset, slot_ended, slot);
  }
  CHECK(result == SP_OK);
}

static void slot_ended(void* context, int error, const char* message) {
  struct slot* slot = context;
  struct stripe* stripe = slot->stripe;
  CHECK(message != NULL && (error == SP_OK) == (message[0] == '\0'));
  pthread_mutex_lock(&stripe->mutex);
  ++stripe->ended;
  if (error != SP_OK) ++stripe->bad;
  if (stripe->reading && !holds(slot->bytes, PIECE, slot->offset, stripe->seed)) ++stripe->bad;
  if (stripe->next < stripe->end) next_piece(slot);
  if (stripe->ended == stripe->submitted) pthread_cond_signal(&stripe->changed);
  pthread_mutex_unlock(&stripe->mutex);
}

static struct stripe* start_stripe(sp_volume* volume, uint64_t from, uint64_t to, unsigned seed,
                                   int reading) {
  struct stripe* stripe = calloc(1, sizeof *stripe);
  int i;
  CHECK(stripe != NULL);
  stripe->volume = volume;
  stripe->next = from;
  stripe->end = to;
  stripe->seed = seed;
  stripe->reading = reading;
  pthread_mutex_init(&stripe->mutex, NULL);
  pthread_cond_init(&stripe->changed, NULL);
  pthread_mutex_lock(&stripe->mutex);
  for (i = 0; i < DEPTH && stripe->next < stripe->end; ++i) {
    stripe->slots[i].stripe = stripe;
    next_piece(&stripe->slots[i]);
  }
  pthread_mutex_unlock(&stripe->mutex);
  return stripe;
}

static void end_stripe(struct stripe* stripe) {
  pthread_mutex_lock(&stripe->mutex);
  while (stripe->ended != stripe->submitted) pthread_cond_wait(&stripe->changed, &stripe->mutex);
  CHECK(stripe->bad == 0 && stripe->next >= stripe->end);
  pthread_mutex_unlock(&stripe->mutex);
  pthread_mutex_destroy(&stripe->mutex);
  pthread_cond_destroy(&stripe->changed);
  free(stripe);
}

static void run_stripe(sp_volume* volume, uint64_t from, uint64_t to, unsigned seed, int reading) {
  end_stripe(start_stripe(volume, from, to, seed, reading));
}

/* -------------------------------------------------------------------------------- the tests */

static void settings_and_connecting(void) {
  sp_cluster* cluster = sp_cluster_new();
  sp_volume* volume = NULL;
  CHECK(sp_version() >= SP_VERSION);
  CHECK(strcmp(sp_strerror(SP_ENOENT), "no such volume") == 0 && sp_strerror(1234) != NULL);
  CHECK(sp_cluster_set(cluster, "colour", "red") == SP_EINVAL && said(cluster, "colour"));
  CHECK(sp_cluster_set(cluster, "client", "4096") == SP_EINVAL && said(cluster, "4096"));
  CHECK(sp_cluster_connect(cluster, 100) == SP_EINVAL && said(cluster, "metadata is missing"));
  CHECK(sp_volume_open(cluster, "data", SP_READ_WRITE, 100, &volume) == SP_EUNAVAILABLE);
  sp_cluster_free(cluster);
  sp_cluster_free(NULL);

  cluster = settings("127.0.0.1:1");
  CHECK(sp_cluster_connect(cluster, 300) == SP_ETIMEDOUT && said(cluster, "127.0.0.1:1"));
  /* It may be tried again, after a correction. */
  CHECK(sp_cluster_set(cluster, "metadata", metadata) == SP_OK);
  CHECK(sp_cluster_connect(cluster, LONG_MS) == SP_OK);
  CHECK(sp_cluster_connect(cluster, LONG_MS) == SP_EINVAL);
  CHECK(sp_cluster_set(cluster, "client", "2") == SP_EINVAL);
  sp_cluster_free(cluster);
}

static void opening(sp_cluster* cluster) {
  sp_volume* volume = NULL;
  sp_volume* second = NULL;
  uint8_t block[512] = {1};
  CHECK(sp_volume_open(cluster, "nothing", SP_READ_WRITE, LONG_MS, &volume) == SP_ENOENT);
  CHECK(volume == NULL && said(cluster, "nothing"));
  CHECK(sp_volume_open(cluster, "other", 7, LONG_MS, &volume) == SP_EINVAL);
  volume = opened(cluster, "other", SP_READ_ONLY);
  CHECK(sp_write(volume, block, sizeof block, 0) == SP_EACCES && said(cluster, "other"));
  CHECK(sp_read(volume, block, sizeof block, 0) == SP_OK && is_zero(block, sizeof block));
  CHECK(sp_volume_open(cluster, "other", SP_READ_WRITE, LONG_MS, &second) == SP_EBUSY);
  /* The same again is a second handle; the first one to close does not detach. */
  second = opened(cluster, "other", SP_READ_ONLY);
  CHECK(sp_volume_close(volume) == SP_OK);
  CHECK(sp_read(second, block, sizeof block, 0) == SP_OK);
  CHECK(sp_volume_close(second) == SP_OK);
  CHECK(sp_volume_close(NULL) == SP_OK);
}

static void depth(sp_cluster* cluster) {
  sp_volume* volume = opened(cluster, "data", SP_READ_WRITE);
  run_stripe(volume, 0, 8 * MIB, 1, 0);
  run_stripe(volume, 0, 8 * MIB, 1, 1);
  CHECK(sp_volume_close(volume) == SP_OK);
}

static void waiting(sp_cluster* cluster) {
  sp_volume* volume = opened(cluster, "data", SP_READ_WRITE);
  const size_t size = 5 * MIB + 512;
  const uint64_t offset = 30 * MIB - 1536; /* over the border of two chunks */
  uint8_t* bytes = malloc(size);
  fill(bytes, size, offset, 2);
  CHECK(sp_write(volume, bytes, size, offset) == SP_OK);
  CHECK(sp_flush(volume) == SP_OK);
  memset(bytes, 0xee, size);
  CHECK(sp_read(volume, bytes, size, offset) == SP_OK && holds(bytes, size, offset, 2));
  CHECK(sp_trim(volume, MIB, offset + 512) == SP_OK);
  CHECK(sp_write_zeroes(volume, 512, offset + 3 * MIB) == SP_OK);
  CHECK(sp_read(volume, bytes, size, offset) == SP_OK);
  CHECK(holds(bytes, 512, offset, 2) && is_zero(bytes + 512, MIB));
  CHECK(holds(bytes + 512 + MIB, 2 * MIB - 512, offset + 512 + MIB, 2));
  CHECK(is_zero(bytes + 3 * MIB, 512));
  CHECK(holds(bytes + 3 * MIB + 512, 2 * MIB, offset + 3 * MIB + 512, 2));
  free(bytes);
  CHECK(sp_volume_close(volume) == SP_OK);
}

struct called {
  pthread_mutex_t mutex;
  pthread_cond_t changed;
  int times, error;
  char message[256];
  sp_volume* volume;
  sp_cluster* cluster;
  int in_callback[4];
};

static void count_call(void* context, int error, const char* message) {
  struct called* called = context;
  uint8_t block[512];
  pthread_mutex_lock(&called->mutex);
  called->error = error;
  snprintf(called->message, sizeof called->message, "%s", message);
  called->in_callback[0] = sp_read(called->volume, block, sizeof block, 0);
  called->in_callback[1] = sp_volume_close(called->volume);
  called->in_callback[2] = sp_cluster_connect(called->cluster, 1);
  called->in_callback[3] = sp_volume_size(called->volume) == VOLUME_BYTES;
  ++called->times;
  pthread_cond_signal(&called->changed);
  pthread_mutex_unlock(&called->mutex);
}

static void refusals(sp_cluster* cluster) {
  static struct called called;
  uint8_t block[1024] = {0};
  sp_volume* volume = opened(cluster, "data", SP_READ_WRITE);
  pthread_mutex_init(&called.mutex, NULL);
  pthread_cond_init(&called.changed, NULL);
  called.volume = volume;
  called.cluster = cluster;
  CHECK(sp_write(volume, block, 100, 0) == SP_EINVAL && said(cluster, "512"));
  CHECK(sp_read(volume, block, 512, 7) == SP_EINVAL);
  CHECK(sp_read(volume, block, 0, 0) == SP_EINVAL);
  CHECK(sp_read(volume, NULL, 512, 0) == SP_EINVAL);
  CHECK(sp_trim(volume, 1000, 0) == SP_EINVAL);
  CHECK(sp_write(volume, block, 1024, VOLUME_BYTES - 512) == SP_EINVAL && said(cluster, "end"));
  CHECK(sp_read(volume, block, 512, UINT64_MAX - 511) == SP_EINVAL);
  CHECK(sp_aio_read(volume, block, 512, 7, count_call, &called) == SP_EINVAL);
  CHECK(sp_aio_flush(volume, NULL, NULL) == SP_EINVAL);
  CHECK(called.times == 0);
  CHECK(sp_aio_write(volume, block, 512, VOLUME_BYTES, count_call, &called) == SP_OK);
  pthread_mutex_lock(&called.mutex);
  while (called.times == 0) pthread_cond_wait(&called.changed, &called.mutex);
  CHECK(called.times == 1 && called.error == SP_EINVAL && strstr(called.message, "end") != NULL);
  CHECK(called.in_callback[0] == SP_EDEADLOCK && called.in_callback[1] == SP_EDEADLOCK);
  CHECK(called.in_callback[2] == SP_EDEADLOCK && called.in_callback[3]);
  pthread_mutex_unlock(&called.mutex);
  CHECK(sp_volume_close(volume) == SP_OK);
}

static void* submit_half(void* context) {
  struct stripe* arguments = context;
  run_stripe(arguments->volume, arguments->next, arguments->end, arguments->seed, 0);
  return NULL;
}

static void two_threads(sp_cluster* cluster) {
  static struct stripe halves[2];
  pthread_t threads[2];
  int i;
  sp_volume* volume = opened(cluster, "data", SP_READ_WRITE);
  for (i = 0; i < 2; ++i) {
    halves[i].volume = volume;
    halves[i].next = (uint64_t)i * 8 * MIB;
    halves[i].end = halves[i].next + 8 * MIB;
    halves[i].seed = 10 + (unsigned)i;
    CHECK(pthread_create(&threads[i], NULL, submit_half, &halves[i]) == 0);
  }
  for (i = 0; i < 2; ++i) CHECK(pthread_join(threads[i], NULL) == 0);
  for (i = 0; i < 2; ++i) run_stripe(volume, halves[i].next, halves[i].end, halves[i].seed, 1);
  CHECK(sp_volume_close(volume) == SP_OK);
}

static int ended_before_close;
static void count_end(void* context, int error, const char* message) {
  (void)message;
  CHECK(error == SP_OK);
  ++*(int*)context; /* one thread calls; the close that waits for it makes it seen */
}

static void closing(sp_cluster* cluster) {
  static uint8_t bytes[64][4 * KIB];
  uint8_t block[4 * KIB];
  int i;
  sp_volume* volume = opened(cluster, "data", SP_READ_WRITE);
  for (i = 0; i < 64; ++i) {
    const uint64_t offset = 40 * MIB + (uint64_t)i * sizeof block;
    fill(bytes[i], sizeof block, offset, 20);
    CHECK(sp_aio_write(volume, bytes[i], sizeof block, offset, count_end, &ended_before_close) ==
          SP_OK);
  }
  CHECK(sp_volume_close(volume) == SP_OK);
  CHECK(ended_before_close == 64);
  volume = opened(cluster, "data", SP_READ_WRITE);
  for (i = 0; i < 64; ++i) {
    const uint64_t offset = 40 * MIB + (uint64_t)i * sizeof block;
    CHECK(sp_read(volume, block, sizeof block, offset) == SP_OK);
    CHECK(holds(block, sizeof block, offset, 20));
  }
  CHECK(sp_volume_close(volume) == SP_OK);
}

static void failing_over(sp_cluster* cluster) {
  sp_volume* volume = opened(cluster, "data", SP_READ_WRITE);
  struct stripe* stripe = start_stripe(volume, 0, 32 * MIB, 30, 0);
  tell_cluster("stop 2");
  end_stripe(stripe);
  run_stripe(volume, 0, 32 * MIB, 30, 1);
  CHECK(sp_volume_close(volume) == SP_OK);
}

static void taken_away(sp_cluster* cluster) {
  uint8_t block[512];
  int result = SP_OK;
  sp_volume* volume = opened(cluster, "data", SP_READ_WRITE);
  tell_cluster("detach data");
  while (result == SP_OK) result = sp_read(volume, block, sizeof block, 0);
  CHECK(result == SP_EFENCED && said(cluster, "data"));
  CHECK(sp_write(volume, block, sizeof block, 0) == SP_EFENCED);
  CHECK(sp_volume_close(volume) == SP_OK);
  volume = opened(cluster, "data", SP_READ_WRITE);
  CHECK(sp_read(volume, block, sizeof block, 0) == SP_OK);
  CHECK(sp_volume_close(volume) == SP_OK);
}

int main(int argc, char** argv) {
  sp_cluster* cluster;
  CHECK(argc == 2);
  start_cluster(argv[1]);
  settings_and_connecting();
  cluster = settings(metadata);
  CHECK(sp_cluster_connect(cluster, LONG_MS) == SP_OK);
  opening(cluster);
  depth(cluster);
  waiting(cluster);
  refusals(cluster);
  two_threads(cluster);
  closing(cluster);
  failing_over(cluster);
  taken_away(cluster);
  sp_cluster_free(cluster);
  end_cluster();
  return 0;
}
