/*
 * storpool.h - volumes of a storpool cluster for any program (libstorpool.so)
 *
 *     sp_cluster *cluster = sp_cluster_new();
 *     sp_cluster_set(cluster, "metadata", "10.1.1.1:7480");
 *     sp_cluster_set(cluster, "cluster", "/etc/storpool/cluster");
 *     sp_cluster_set(cluster, "client", "17");
 *     if (sp_cluster_connect(cluster, 10000) != SP_OK) ... sp_cluster_message(cluster) ...
 *     sp_volume *volume;
 *     sp_volume_open(cluster, "data", SP_READ_WRITE, 10000, &volume);
 *     sp_write(volume, buffer, 4096, 0);
 *     sp_volume_close(volume);
 *     sp_cluster_free(cluster);
 *
 * WHAT IS PROMISED
 *     A write, trim or write of zeroes that has completed without an error is durable on every
 *     serving mirror of its data and is seen by every later read, of any client. Nothing needs to
 *     be flushed. A write is split at multiples of 32 MiB of the volume, and
 *     into pieces of at most 1 MiB; each piece is atomic: done in whole or not at all.
 *     Requests that overlap and are under way at the same time are done in an order of the
 *     cluster's choosing; whoever needs an order waits for completions. Bytes read have been
 *     checked against the checksums that were made when they were written.
 *
 *     A request ends when the cluster has answered it, or when the session of its volume has ended:
 *     never because time has passed. While mirrors fail over, requests wait and then succeed; the
 *     library sends them again itself, and each is done once.
 *
 * THREADS
 *     Every function may be called from any thread, unless its description says otherwise. Each
 *     connected cluster has one thread of the library's, on which callbacks run, one at a time. A
 *     callback must not wait: it may call all functions with "aio" in their name and those that
 *     only ask (size, message); the others answer SP_EDEADLOCK there and change nothing.
 *     Requests of all threads go to that thread through one queue, in the order of the calls; those
 *     that are made while it is busy wake it once. What is written is copied there once; what is
 *     read goes to the caller's memory directly.
 *     A handle may be freed or closed once, when no other thread is in a call with it.
 *     After fork() the child must not use handles of the parent. The library blocks all signals on
 *     its thread, installs no handler, and raises no SIGPIPE.
 *
 * ERRORS
 *     Functions return SP_OK (0), or one of the negative numbers of enum sp_error: sp_strerror()
 *     has a text for each. The number decides what to do; what exactly happened, to which named
 *     thing, and the way out, is said for people: by sp_cluster_message() after a call that failed,
 *     and by the message that a completion brings.
 *
 * STABILITY
 *     Numbers and signatures of this header do not change; new ones may be added at the end.
 *     Handles are opaque. All symbols have the version STORPOOL_0.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The version of this header: major << 16 | minor. */
#define SP_VERSION 0x00000001u
/* That of the library in use. Less than SP_VERSION: functions of this header may be missing. */
uint32_t sp_version(void);

/* ------------------------------------------------------------------------------------- errors */

enum sp_error {
  SP_OK = 0,
  SP_EINVAL = -1,    /* an argument is wrong: no multiple of 512, beyond the end, an unknown key */
  SP_ENOENT = -2,    /* no such volume */
  SP_EACCES = -3,    /* metadata refuses the client, or the volume was opened read-only */
  SP_EBUSY = -4,     /* attached in another mode, or being detached */
  SP_ENOSPC = -5,    /* the cluster has no room: nothing of the request was done */
  SP_EIO = -6,       /* all copies of the data are damaged or lost */
  SP_EFENCED = -7,   /* the session ended: detached by force, or taken over. Open again if right */
  SP_ETIMEDOUT = -8, /* sp_cluster_connect, sp_volume_open, _close: not within the time given */
  SP_EUNAVAILABLE = -9, /* not connected; or the volume is being closed */
  SP_EDEADLOCK = -10,   /* a call that waits, from within a callback */
  SP_EINTERNAL = -11    /* a bug of the library: the message says more */
};

/*
 * A short English text for a result ("no such volume"). Never NULL, also for numbers that are none;
 * static, not to be freed.
 */
const char* sp_strerror(int error);

/* ------------------------------------------------------------------------------------ cluster */

typedef struct sp_cluster sp_cluster;

/*
 * A cluster that is not connected yet. NULL if there is no memory. To be freed by
 * sp_cluster_free().
 */
sp_cluster* sp_cluster_new(void);

/*
 * Before sp_cluster_connect(): how to reach the cluster. Copies `value`. Keys:
 *
 *     metadata   addresses of the metadata daemons, "host:port", separated by commas. Required.
 *     client     the number of this client, 1..4095: one process at a time has it; a second one
 *                fences the first. Required.
 *     cluster    the cluster file, which says which cluster it is and holds its secret: made by
 *                `storpoolctl metadata init`. Required.
 *     log        "error", "warning", "info" or "debug": how much is said on standard error;
 *                "none", the default: nothing.
 *
 * SP_EINVAL: unknown key, malformed value, or connected already.
 */
int sp_cluster_set(sp_cluster* cluster, const char* key, const char* value);

/*
 * Connects and waits until metadata has accepted this client, at most `timeout_ms` milliseconds
 * (negative: for ever). Once. Later losses of the connection mend themselves; volumes go on without
 * it. No other call for this cluster may be under way.
 *
 * SP_EINVAL: a required key is missing, the cluster file cannot be read, or connected already.
 * SP_EACCES: another cluster or a wrong secret. SP_ETIMEDOUT: nobody answered; the message names
 * the addresses. After an error it may be called again.
 */
int sp_cluster_connect(sp_cluster* cluster, int64_t timeout_ms);

/*
 * What the last call for this cluster or its volumes that failed on this handle had to say: a full
 * sentence that names the thing and the way out. Copies at most `size` bytes, ended by 0, to
 * `text`, and returns the length of the whole (without the 0), as snprintf() does.
 */
size_t sp_cluster_message(const sp_cluster* cluster, char* text, size_t size);

/*
 * Disconnects and frees. All volumes must be closed before (else the process is stopped: requests
 * might refer to freed memory). NULL is allowed. Not from within a callback.
 */
void sp_cluster_free(sp_cluster* cluster);

/* ------------------------------------------------------------------------------------ volumes */

typedef struct sp_volume sp_volume;

enum sp_open_mode {
  SP_READ_ONLY = 0,
  /* Other clients may have the volume attached at the same time, also to write: whoever shares it
   * brings a cluster file system, or some other order of his own. */
  SP_READ_WRITE = 1
};

/*
 * Attaches volume `name` to this client, waits until it can be used (at most `timeout_ms`, as
 * above), and stores a handle in *volume (NULL if it fails). A volume that is attached to this
 * client in the same mode already is taken as it is. `name` may be that of a snapshot, which is
 * opened SP_READ_ONLY; one without a name is "~" and its global id.
 *
 * SP_ENOENT; SP_EBUSY: this client has it in the other mode, or it is being detached; SP_ETIMEDOUT:
 * then it is detached again, which may take another second; SP_EUNAVAILABLE: not connected.
 *
 * While it is open, a plain `storpoolctl detach` is refused; one with force ends the session:
 * SP_EFENCED.
 */
int sp_volume_open(sp_cluster* cluster, const char* name, int mode, int64_t timeout_ms,
                   sp_volume** volume);

/*
 * Its size now, in bytes, a multiple of 512. It may grow while the volume is open: requests up to
 * the new end work at once. After the session has ended: what it was last.
 */
uint64_t sp_volume_size(const sp_volume* volume);

/*
 * Waits for the requests under way and their callbacks, detaches the volume unless another handle
 * of this process has it open, and frees the handle, whatever is returned. Requests that callbacks
 * make meanwhile are refused: SP_EUNAVAILABLE. NULL is allowed. Not from within a callback
 * (SP_EDEADLOCK: the only result after which the handle still lives).
 *
 * SP_ETIMEDOUT: metadata has not confirmed the detach within 10 s; it may still happen.
 */
int sp_volume_close(sp_volume* volume);

/* ------------------------------------------------------------------------- requests that wait */

/*
 * Offsets and sizes are in bytes and multiples of 512; [offset, offset + size) lies within the
 * volume; any size above 0 is allowed (multiples of 4096 on their borders are fastest). They return
 * when the request has ended.
 *
 * SP_EINVAL, SP_EACCES (a change to a volume opened SP_READ_ONLY), SP_ENOSPC, SP_EIO, SP_EFENCED,
 * SP_ENOENT (the volume was deleted), SP_EUNAVAILABLE, SP_EDEADLOCK.
 *
 * After an error a read has left anything in `buffer`; a write of more than one piece (see above)
 * may have done some of them, and each piece in whole or not at all. After SP_EFENCED an unfinished
 * change may have been done or not, but will not be done later.
 */
int sp_read(sp_volume* volume, void* buffer, size_t size, uint64_t offset);
int sp_write(sp_volume* volume, const void* buffer, size_t size, uint64_t offset);

/* The bytes read as zeroes from now on and take no room. Both do the same; size may be anything. */
int sp_trim(sp_volume* volume, uint64_t size, uint64_t offset);
int sp_write_zeroes(sp_volume* volume, uint64_t size, uint64_t offset);

/*
 * Returns when all that had completed before is durable: at once, since it is. For programs that
 * run on other storage too.
 */
int sp_flush(sp_volume* volume);

/* ------------------------------------------------------------------- requests that call back */

/*
 * Called once for each request that was accepted, on the library's thread, when it has ended.
 * `context` is what the request was given; `message` says what happened if `error` is not SP_OK
 * ("" else), and is valid during the call only. See THREADS.
 */
typedef void (*sp_done)(void* context, int error, const char* message);

/*
 * As above, but return at once: SP_OK: `done` will be called, never from within this call; an
 * error: it will not. That a request goes beyond the end of the volume is told to `done`. `buffer`
 * must stay, and for a write stay unchanged, until then. As many as fit in memory may be under way;
 * 32 to 128 on a volume keep a cluster busy.
 */
int sp_aio_read(sp_volume* volume, void* buffer, size_t size, uint64_t offset, sp_done done,
                void* context);
int sp_aio_write(sp_volume* volume, const void* buffer, size_t size, uint64_t offset, sp_done done,
                 void* context);
int sp_aio_trim(sp_volume* volume, uint64_t size, uint64_t offset, sp_done done, void* context);
int sp_aio_write_zeroes(sp_volume* volume, uint64_t size, uint64_t offset, sp_done done,
                        void* context);
int sp_aio_flush(sp_volume* volume, sp_done done, void* context);

#ifdef __cplusplus
}
#endif
