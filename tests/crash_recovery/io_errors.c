/* Makes one call on the files of the database fail with EIO: the call FAULT_CALL (read, write or sync) with the number
   FAULT_AT, counted from the moment when the file FAULT_FILE exists. Loaded with LD_PRELOAD. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static atomic_long calls;

static int is_database(int fd) {
  char link[64], path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 0) return 0;
  path[length] = 0;
  /* Also the write-ahead log, and not the index of the log, which is shared memory. */
  return strstr(path, "/tenon.db") && !strstr(path, "-shm");
}

static int fails(const char *call, int fd) {
  const char *selected = getenv("FAULT_CALL"), *at = getenv("FAULT_AT"), *file = getenv("FAULT_FILE");
  if (!selected || !at || !file || strcmp(selected, call) != 0) return 0;
  if (access(file, F_OK) != 0 || !is_database(fd)) return 0;
  if (atomic_fetch_add(&calls, 1) + 1 != atol(at)) return 0;
  errno = EIO;
  return 1;
}

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

ssize_t pread(int fd, void *data, size_t size, off_t offset) {
  return fails("read", fd) ? -1 : NEXT(pread)(fd, data, size, offset);
}
ssize_t pread64(int fd, void *data, size_t size, off64_t offset) {
  return fails("read", fd) ? -1 : NEXT(pread64)(fd, data, size, offset);
}
ssize_t pwrite(int fd, const void *data, size_t size, off_t offset) {
  return fails("write", fd) ? -1 : NEXT(pwrite)(fd, data, size, offset);
}
ssize_t pwrite64(int fd, const void *data, size_t size, off64_t offset) {
  return fails("write", fd) ? -1 : NEXT(pwrite64)(fd, data, size, offset);
}
int fsync(int fd) { return fails("sync", fd) ? -1 : NEXT(fsync)(fd); }
int fdatasync(int fd) { return fails("sync", fd) ? -1 : NEXT(fdatasync)(fd); }
