/* faultshim.c - preloaded into a program, makes the Nth call of one kind on one file fail.
 *
 *	LD_PRELOAD=faultshim.so FAULT_KIND=write FAULT_FILE='*.img' FAULT_N=3 FAULT_HOW=EIO PROGRAM
 *
 * The environment:
 *	FAULT_PROGRAM	only a program of this name is disturbed (what starts it may be a script)
 *	FAULT_KIND	read write sync truncate fallocate seek open unlink malloc; count disturbs none of them
 *	FAULT_FILE	which files count: patterns as of fnmatch(3) for the whole path, with a colon between; those
 *			behind the first only matter for count
 *	FAULT_N		the call that fails, from 1 on
 *	FAULT_TIMES	how many calls fail from there on (1); 0: all of them
 *	FAULT_HOW	the name of an errno; or SHORT: half of what was asked for is transferred; STOP: the process
 *			stops before the call until somebody continues it; KILL: it dies there
 *	FAULT_REPORT	a file to which a line "KIND FILE CALLS HIT" goes for what there was any of: FILE is the number
 *			of its pattern, from 0 on; HIT is 1 where the Nth call was among them
 *
 * Only the calls of the process itself count, not those of the children that it forks. A sync that fails does not
 * sync, and the next one succeeds, as with the kernel, which reports a failed write-back once.
 */
#undef _FILE_OFFSET_BITS	/* both names of every call are needed, each with its own type */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum kind { READ, WRITE, SYNC, TRUNCATE, FALLOCATE, SEEK, OPEN, UNLINK, MALLOC, COUNT, ASLEEP };

static const char *const kind_names[] = {
	"read", "write", "sync", "truncate", "fallocate", "seek", "open", "unlink", "malloc", "count",
};

#define FILES 4

enum how { FAIL, SHORT, STOP, KILL };

static const struct {
	const char *name;
	int number;
} errnos[] = {
	{ "EIO", EIO }, { "ENOSPC", ENOSPC }, { "EINTR", EINTR }, { "ENOMEM", ENOMEM }, { "EDQUOT", EDQUOT },
	{ "EACCES", EACCES }, { "EMFILE", EMFILE }, { "EPERM", EPERM }, { "EROFS", EROFS }, { "EFBIG", EFBIG },
	{ "EINVAL", EINVAL }, { "EOPNOTSUPP", EOPNOTSUPP },
};

static enum kind kind = ASLEEP;
static enum how how;
static int error;
static unsigned long nth, times = 1;
static char *patterns[FILES];
static const char *report;
static pid_t self;
static atomic_ulong calls[COUNT][FILES];
static atomic_bool hit;

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "faultshim: %s makes no sense\n", what);
	_exit(99);
}

static unsigned long number(const char *name, unsigned long otherwise)
{
	const char *s = getenv(name);

	return s ? strtoul(s, NULL, 10) : otherwise;
}

static void read_how(const char *s)
{
	static const char *const names[] = { [SHORT] = "SHORT", [STOP] = "STOP", [KILL] = "KILL" };

	for (int i = SHORT; i <= KILL; i++)
		if (strcmp(s, names[i]) == 0) {
			how = (enum how)i;
			return;
		}
	for (size_t i = 0; i < sizeof(errnos) / sizeof(errnos[0]); i++)
		if (strcmp(s, errnos[i].name) == 0)
			error = errnos[i].number;
	if (!error)
		die("FAULT_HOW");
}

static void read_patterns(const char *s)
{
	static char copy[3 * PATH_MAX];
	char *p = copy;

	snprintf(copy, sizeof(copy), "%s", s);
	for (int i = 0; i < FILES && p; i++)
		patterns[i] = strsep(&p, ":");
}

__attribute__((constructor)) static void begin(void)
{
	const char *program = getenv("FAULT_PROGRAM"), *name = getenv("FAULT_KIND"), *s = getenv("FAULT_HOW");
	int k;

	if (!name || (program && strcmp(program, program_invocation_short_name) != 0))
		return;
	for (k = 0; k < ASLEEP && strcmp(name, kind_names[k]) != 0; k++)
		;
	if (k == ASLEEP)
		die("FAULT_KIND");
	read_patterns(getenv("FAULT_FILE") ? getenv("FAULT_FILE") : "");
	report = getenv("FAULT_REPORT");
	nth = number("FAULT_N", 0);
	times = number("FAULT_TIMES", 1);
	if (k != COUNT)
		read_how(s ? s : "EIO");
	self = getpid();
	kind = (enum kind)k;
}

__attribute__((destructor)) static void end(void)
{
	FILE *f;

	if (kind == ASLEEP || !report || getpid() != self)
		return;
	kind = ASLEEP;
	f = fopen(report, "w");
	for (int k = 0; f && k < COUNT; k++)
		for (int i = 0; i < FILES; i++)
			if (calls[k][i])
				fprintf(f, "%s %d %lu %d\n", kind_names[k], i, calls[k][i], hit ? 1 : 0);
	if (f)
		fclose(f);
}

/* Count a call on the i-th file; is it to be disturbed? STOP and KILL are over when this returns. */
static bool strikes(enum kind k, int i)
{
	unsigned long n = ++calls[k][i];

	if (kind == COUNT || i > 0 || n < nth || (times && n >= nth + times))
		return false;
	hit = true;
	if (how == FAIL)
		errno = error;
	if (how == STOP || how == KILL)
		raise(how == STOP ? SIGSTOP : SIGKILL);
	return how == FAIL || how == SHORT;
}

static bool is_of_interest(enum kind k)
{
	return (kind == k || kind == COUNT) && getpid() == self;
}

/* Is this call on a path to be disturbed? */
static bool strikes_path(enum kind k, const char *path)
{
	if (!is_of_interest(k))
		return false;
	for (int i = 0; i < FILES && patterns[i]; i++)
		if (fnmatch(patterns[i], path, 0) == 0)
			return strikes(k, i);
	return false;
}

/* … and this one on an open file? */
static bool strikes_fd(enum kind k, int fd)
{
	char link[64], path[PATH_MAX];
	ssize_t n;

	if (!is_of_interest(k))
		return false;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof(path) - 1);
	if (n < 0)
		return false;
	path[n] = 0;
	return strikes_path(k, path);
}

/* The function that this one stands before. */
#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

/* ---- transfers ---- */

#define TRANSFER(name, k, buffer, offset) \
ssize_t name(int fd, buffer buf, size_t len, offset off) \
{ \
	if (strikes_fd(k, fd)) { \
		if (how == FAIL) \
			return -1; \
		len = (len + 1) / 2; \
	} \
	return NEXT(name)(fd, buf, len, off); \
}

TRANSFER(pread, READ, void *, off_t)
TRANSFER(pread64, READ, void *, off64_t)
TRANSFER(pwrite, WRITE, const void *, off_t)
TRANSFER(pwrite64, WRITE, const void *, off64_t)

/* ---- what takes a descriptor, and returns 0 or -1 ---- */

#define CALL(name, k, result, parameters, arguments) \
result name parameters \
{ \
	if (strikes_fd(k, fd)) \
		return -1; \
	return NEXT(name) arguments; \
}

CALL(fsync, SYNC, int, (int fd), (fd))
CALL(fdatasync, SYNC, int, (int fd), (fd))
CALL(ftruncate, TRUNCATE, int, (int fd, off_t size), (fd, size))
CALL(ftruncate64, TRUNCATE, int, (int fd, off64_t size), (fd, size))
CALL(fallocate, FALLOCATE, int, (int fd, int mode, off_t off, off_t len), (fd, mode, off, len))
CALL(fallocate64, FALLOCATE, int, (int fd, int mode, off64_t off, off64_t len), (fd, mode, off, len))
CALL(lseek, SEEK, off_t, (int fd, off_t off, int whence), (fd, off, whence))
CALL(lseek64, SEEK, off64_t, (int fd, off64_t off, int whence), (fd, off, whence))

/* Returns the errno, and leaves errno alone. */
int posix_fallocate(int fd, off_t off, off_t len)
{
	return strikes_fd(FALLOCATE, fd) ? error : NEXT(posix_fallocate)(fd, off, len);
}

int posix_fallocate64(int fd, off64_t off, off64_t len)
{
	return strikes_fd(FALLOCATE, fd) ? error : NEXT(posix_fallocate64)(fd, off, len);
}

/* ---- what takes a path ---- */

#define OPENS(name, before, arguments) \
int name(before const char *path, int flags, ...) \
{ \
	mode_t mode = 0; \
	va_list ap; \
\
	if (flags & (O_CREAT | O_TMPFILE)) { \
		va_start(ap, flags); \
		mode = va_arg(ap, mode_t); \
		va_end(ap); \
	} \
	return strikes_path(OPEN, path) ? -1 : NEXT(name) arguments; \
}
#define AT int dir,

OPENS(open, , (path, flags, mode))
OPENS(open64, , (path, flags, mode))
OPENS(openat, AT, (dir, path, flags, mode))
OPENS(openat64, AT, (dir, path, flags, mode))

int unlink(const char *path)
{
	return strikes_path(UNLINK, path) ? -1 : NEXT(unlink)(path);
}

int unlinkat(int dir, const char *path, int flags)
{
	return strikes_path(UNLINK, path) ? -1 : NEXT(unlinkat)(dir, path, flags);
}

/* ---- memory ---- */

/* The C library's own, as dlsym itself allocates. */
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *p, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);

static bool no_memory(void)
{
	return is_of_interest(MALLOC) && strikes(MALLOC, 0);
}

void *malloc(size_t size)
{
	return no_memory() ? NULL : __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
	return no_memory() ? NULL : __libc_calloc(n, size);
}

void *realloc(void *p, size_t size)
{
	return no_memory() ? NULL : __libc_realloc(p, size);
}

void *reallocarray(void *p, size_t n, size_t size)
{
	if (size && n > SIZE_MAX / size) {
		errno = ENOMEM;
		return NULL;
	}
	return realloc(p, n * size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
	return no_memory() ? NULL : __libc_memalign(alignment, size);
}

int posix_memalign(void **out, size_t alignment, size_t size)
{
	void *p = no_memory() ? NULL : __libc_memalign(alignment, size);

	if (!p)
		return ENOMEM;
	*out = p;
	return 0;
}
