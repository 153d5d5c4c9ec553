/* Copies each file of the database to NAME.durable after it was synced. After a power cut, the disk is only known to have
   that content. With CUT_IGNORES_LOG_SYNC, no sync of the write-ahead log is recorded, as if commits did not sync it, which
   is the behaviour of synchronous=NORMAL. Loaded with LD_PRELOAD. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

/* One thread writes and syncs all files of the database, so a copy is not changed meanwhile. */
static void copy(int fd) {
  static char data[1 << 20];
  char link[64], path[4096], target[4200], temporary[4200];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 0) return;
  path[length] = 0;
  if (!strstr(path, "/tenon.db") || (strstr(path, "-wal") && getenv("CUT_IGNORES_LOG_SYNC"))) return;
  snprintf(target, sizeof target, "%s.durable", path);
  snprintf(temporary, sizeof temporary, "%s.copying", path);
  int out = open(temporary, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  if (out < 0) abort();
  off_t offset = 0;
  for (ssize_t size; (size = pread(fd, data, sizeof data, offset)) > 0; offset += size) {
    if (write(out, data, size) != size) abort();
  }
  close(out);
  if (rename(temporary, target) != 0) abort();
}

int fsync(int fd) {
  int result = NEXT(fsync)(fd);
  if (result == 0) copy(fd);
  return result;
}
int fdatasync(int fd) {
  int result = NEXT(fdatasync)(fd);
  if (result == 0) copy(fd);
  return result;
}
