/* Loaded before libc into one process: its wall clock is off by CHAOS_SKEW_SECONDS.
 *
 * Only what the Python interpreter reads is shifted. The native libraries inside the process wait
 * for absolute times on the kernel's clock, which runs right: shifted, they would wait wrongly.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>

static long skew(void *caller) {
    Dl_info info;
    const char *value = getenv("CHAOS_SKEW_SECONDS");
    if (!value || !dladdr(caller, &info) || !info.dli_fname) return 0;
    const char *slash = strrchr(info.dli_fname, '/');
    const char *name = slash ? slash + 1 : info.dli_fname;
    if (strncmp(name, "python", 6) && strncmp(name, "libpython", 9)
        && strncmp(name, "_datetime", 9)) return 0;
    return atol(value);
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    int status = real(clock, now);
    if (!status && clock == CLOCK_REALTIME) now->tv_sec += skew(__builtin_return_address(0));
    return status;
}

time_t time(time_t *where) {
    struct timespec now;
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    real(CLOCK_REALTIME, &now);
    now.tv_sec += skew(__builtin_return_address(0));
    if (where) *where = now.tv_sec;
    return now.tv_sec;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    static int (*real)(struct timeval *restrict, void *restrict);
    if (!real)
        real = (int (*)(struct timeval *restrict, void *restrict))dlsym(RTLD_NEXT, "gettimeofday");
    int status = real(now, zone);
    if (!status) now->tv_sec += skew(__builtin_return_address(0));
    return status;
}
