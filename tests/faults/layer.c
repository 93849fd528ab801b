/* Stands between a program and the system, for files below one folder: counts what changes them, and at the
 * chosen one ends the program, lets it fail, or does half of it. All that was done is recorded on request, for
 * a disk that loses what was not synced (disk.py). Controlled by a shared page (layer.py has the same fields).
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { CREATE = 1, WRITE = 2, SYNC = 4, RENAME = 8, UNLINK = 16, LINK = 32, TRUNCATE = 64, MKDIR = 128,
       RMDIR = 256, OPEN = 512, CLOSE = 1024, READ = 2048 };
enum { COUNT, KILL, TEAR, FAIL, FAIL_ON, SHORT };
enum { GO_ON, FAILS, HALF, DIE_HALF };

typedef struct {
    volatile int32_t armed, mode, error, mask;
    volatile int64_t at, seen, hits, recorded;
    volatile int32_t recording, length;
    char root[512], log[512], what[512];
} Control;

typedef struct {
    uint32_t op;
    int32_t fd, flags;
    uint32_t path_bytes, other_bytes, pid;
    uint64_t offset, data_bytes, number;
} Record;

#define MAX_FD 65536
static Control *control;
static char *paths[MAX_FD];
static int log_fd = -1;
static pthread_mutex_t lock;

static void new_lock(void) {
    pthread_mutexattr_t kind;
    pthread_mutexattr_init(&kind);
    pthread_mutexattr_settype(&kind, PTHREAD_MUTEX_RECURSIVE);
    pthread_mutex_init(&lock, &kind);
    log_fd = -1;
}

__attribute__((constructor)) static void begin(void) {
    new_lock();
    pthread_atfork(NULL, NULL, new_lock);
    const char *page = getenv("FAULT_LAYER_PAGE");
    int fd = page ? syscall(SYS_openat, AT_FDCWD, page, O_RDWR | O_CLOEXEC, 0) : -1;
    if (fd < 0) return;
    void *found = mmap(NULL, sizeof(Control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    syscall(SYS_close, fd);
    if (found != MAP_FAILED) control = found;
}

static const char *path_of(int fd) { return fd >= 0 && fd < MAX_FD ? paths[fd] : NULL; }

static void keep_path(int fd, const char *path) {
    if (fd < 0 || fd >= MAX_FD) return;
    free(paths[fd]);
    paths[fd] = path ? strdup(path) : NULL;
}

/* The path as the root is written; NULL where it is not below it. A name may be relative to an open folder. */
static const char *below(int folder, const char *path, char *room, size_t size) {
    if (!control || !path || !control->root[0]) return NULL;
    if (path[0] != '/' && folder != AT_FDCWD) {
        const char *parent = path_of(folder);
        if (!parent) return NULL;
        snprintf(room, size, "%s/%s", parent, path);
        path = room;
    }
    size_t length = strlen(control->root);
    return strncmp(path, control->root, length) || (path[length] && path[length] != '/') ? NULL : path;
}

static void die(void) { syscall(SYS_exit_group, 137); }

static int judge(int op, const char *path) {
    static const char *names[] = {"create", "write", "sync", "rename", "unlink", "link", "truncate", "mkdir", "rmdir"};
    if (!control->armed || !(control->mask & op)) return GO_ON;
    int64_t number = __sync_add_and_fetch(&control->seen, 1);
    int mode = control->mode;
    int64_t end = mode != FAIL_ON ? control->at + 1 : control->length ? control->at + control->length : INT64_MAX;
    if (mode == COUNT || number < control->at || number >= end) return GO_ON;
    if (__sync_add_and_fetch(&control->hits, 1) == 1) {
        int bit = __builtin_ctz(op);
        snprintf(control->what, sizeof control->what, "%s %s", bit < 9 ? names[bit] : "read", path);
    }
    switch (mode) {
    case TEAR: if (op == WRITE) return DIE_HALF; /* fall through */
    case KILL: die(); /* fall through */
    case FAIL: case FAIL_ON: errno = control->error; return FAILS;
    default: return op == WRITE ? HALF : GO_ON;
    }
}

static void record(int op, int fd, int flags, const char *path, const char *other, uint64_t offset,
                   const void *data, size_t size) {
    if (!control->recording) return;
    if (log_fd < 0)
        log_fd = syscall(SYS_openat, AT_FDCWD, control->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    Record head = {op, fd, flags, path ? strlen(path) : 0, other ? strlen(other) : 0,
                   getpid(), offset, data ? size : 0,
                   control->recorded + 1};
    struct iovec parts[] = {{&head, sizeof head}, {(void *)path, head.path_bytes},
                            {(void *)other, head.other_bytes}, {(void *)data, head.data_bytes}};
    syscall(SYS_writev, log_fd, parts, 4);
    control->recorded++;
}

/* Runs CALL unless the judgement is that it fails; what follows sees `result`, and errno is kept. */
#define JUDGED(op, path, call, after)                                                                          \
    do {                                                                                                       \
        pthread_mutex_lock(&lock);                                                                             \
        int judged = judge(op, path);                                                                          \
        long result = judged == FAILS ? -1 : (call);                                                           \
        int error = errno;                                                                                     \
        after;                                                                                                 \
        pthread_mutex_unlock(&lock);                                                                           \
        errno = error;                                                                                         \
        return result;                                                                                         \
    } while (0)

static int open_at(int folder, const char *path, int flags, mode_t mode) {
    char room[4096];
    const char *full = below(folder, path, room, sizeof room);
    if (!full) {
        int fd = syscall(SYS_openat, folder, path, flags, mode);
        if (path_of(fd)) keep_path(fd, NULL);
        return fd;
    }
    int there = syscall(SYS_faccessat, folder, path, F_OK) == 0;
    int creates = (flags & O_CREAT) && !there, empties = (flags & O_TRUNC) && there;
    int told = (creates ? 1 : 0) | (empties ? 2 : 0) | (flags & O_DIRECTORY ? 4 : 0);
    JUDGED(creates || empties ? CREATE : OPEN, full, syscall(SYS_openat, folder, path, flags, mode),
           if (result >= 0) { keep_path(result, full); record(OPEN, result, told, full, NULL, 0, NULL, 0); });
}

#define MODE_OF(flags)                                                                                         \
    va_list rest; va_start(rest, flags); mode_t mode = va_arg(rest, mode_t); va_end(rest)
int open(const char *path, int flags, ...) { MODE_OF(flags); return open_at(AT_FDCWD, path, flags, mode); }
int open64(const char *path, int flags, ...) { MODE_OF(flags); return open_at(AT_FDCWD, path, flags, mode); }
int openat(int at, const char *path, int flags, ...) { MODE_OF(flags); return open_at(at, path, flags, mode); }
int openat64(int at, const char *path, int flags, ...) { MODE_OF(flags); return open_at(at, path, flags, mode); }

int close(int fd) {
    if (path_of(fd)) {
        pthread_mutex_lock(&lock);
        record(CLOSE, fd, 0, NULL, NULL, 0, NULL, 0);
        keep_path(fd, NULL);
        pthread_mutex_unlock(&lock);
    }
    return syscall(SYS_close, fd);
}

static ssize_t write_at(int fd, const void *data, size_t size, off_t offset, int positional) {
    const char *path = path_of(fd);
    if (!path) return positional ? syscall(SYS_pwrite64, fd, data, size, offset) : syscall(SYS_write, fd, data, size);
    pthread_mutex_lock(&lock);
    int judged = judge(WRITE, path);
    if ((judged == HALF || judged == DIE_HALF) && size > 1) size /= 2;
    if (!positional) {
        struct stat now;
        int appends = syscall(SYS_fcntl, fd, F_GETFL) & O_APPEND;
        offset = appends && !fstat(fd, &now) ? now.st_size : syscall(SYS_lseek, fd, 0, SEEK_CUR);
    }
    ssize_t result = judged == FAILS ? -1
        : positional ? syscall(SYS_pwrite64, fd, data, size, offset) : syscall(SYS_write, fd, data, size);
    int error = errno;
    if (result > 0) record(WRITE, fd, 0, path, NULL, offset, data, result);
    if (judged == DIE_HALF) die();
    pthread_mutex_unlock(&lock);
    errno = error;
    return result;
}
ssize_t write(int fd, const void *data, size_t size) { return write_at(fd, data, size, 0, 0); }
ssize_t pwrite(int fd, const void *data, size_t size, off_t at) { return write_at(fd, data, size, at, 1); }
ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at) { return write_at(fd, data, size, at, 1); }

static int sync_it(int fd, int call) {
    const char *path = path_of(fd);
    if (!path) return syscall(call, fd);
    /* A failed one is recorded too: the system then takes for clean what it has not written. */
    JUDGED(SYNC, path, syscall(call, fd), record(SYNC, fd, result != 0, path, NULL, 0, NULL, 0));
}
int fsync(int fd) { return sync_it(fd, SYS_fsync); }
int fdatasync(int fd) { return sync_it(fd, SYS_fdatasync); }

static int two_names(int op, int call, int at, const char *from, int to_at, const char *to, int flags) {
    char room[4096], other[4096];
    const char *source = below(at, from, room, sizeof room), *target = below(to_at, to, other, sizeof other);
    if (!source && !target) return syscall(call, at, from, to_at, to, flags);
    source = source ? source : from;
    target = target ? target : to;
    JUDGED(op, target, syscall(call, at, from, to_at, to, flags),
           if (result == 0) record(op, -1, 0, source, target, 0, NULL, 0));
}
int rename(const char *a, const char *b) { return two_names(RENAME, SYS_renameat2, AT_FDCWD, a, AT_FDCWD, b, 0); }
int renameat(int d, const char *a, int e, const char *b) { return two_names(RENAME, SYS_renameat2, d, a, e, b, 0); }
int renameat2(int d, const char *a, int e, const char *b, unsigned f) { return two_names(RENAME, SYS_renameat2, d, a, e, b, f); }
int link(const char *a, const char *b) { return two_names(LINK, SYS_linkat, AT_FDCWD, a, AT_FDCWD, b, 0); }
int linkat(int d, const char *a, int e, const char *b, int f) { return two_names(LINK, SYS_linkat, d, a, e, b, f); }

int unlinkat(int folder, const char *path, int flags) {
    char room[4096];
    const char *full = below(folder, path, room, sizeof room);
    if (!full || syscall(SYS_faccessat, folder, path, F_OK)) return syscall(SYS_unlinkat, folder, path, flags);
    int op = flags & AT_REMOVEDIR ? RMDIR : UNLINK;
    JUDGED(op, full, syscall(SYS_unlinkat, folder, path, flags),
           if (result == 0) record(op, -1, 0, full, NULL, 0, NULL, 0));
}
int unlink(const char *path) { return unlinkat(AT_FDCWD, path, 0); }
int rmdir(const char *path) { return unlinkat(AT_FDCWD, path, AT_REMOVEDIR); }

int ftruncate(int fd, off_t size) {
    const char *path = path_of(fd);
    if (!path) return syscall(SYS_ftruncate, fd, size);
    JUDGED(TRUNCATE, path, syscall(SYS_ftruncate, fd, size),
           if (result == 0) record(TRUNCATE, fd, 0, path, NULL, size, NULL, 0));
}
int ftruncate64(int fd, off64_t size) { return ftruncate(fd, size); }

int mkdirat(int folder, const char *path, mode_t mode) {
    char room[4096];
    const char *full = below(folder, path, room, sizeof room);
    if (!full) return syscall(SYS_mkdirat, folder, path, mode);
    JUDGED(MKDIR, full, syscall(SYS_mkdirat, folder, path, mode),
           if (result == 0) record(MKDIR, -1, 0, full, NULL, 0, NULL, 0));
}
int mkdir(const char *path, mode_t mode) { return mkdirat(AT_FDCWD, path, mode); }

static ssize_t read_at(int fd, void *data, size_t size, off_t offset, int positional) {
    const char *path = path_of(fd);
    if (path && control->armed && (control->mask & READ) && judge(READ, path) == FAILS) return -1;
    return positional ? syscall(SYS_pread64, fd, data, size, offset) : syscall(SYS_read, fd, data, size);
}
ssize_t read(int fd, void *data, size_t size) { return read_at(fd, data, size, 0, 0); }
ssize_t pread(int fd, void *data, size_t size, off_t at) { return read_at(fd, data, size, at, 1); }
ssize_t pread64(int fd, void *data, size_t size, off64_t at) { return read_at(fd, data, size, at, 1); }
