/* check_child.c - children that die, hang up or read, and the sandbox around them. */
#include <config.h>

#include <check.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "adapt/child.h"
#include "base/bytes.h"
#include "dev/dev.h"
#include "run_suite.h"

#define MIB (1ull << 20)

static void die(const struct im_child *child, const void *arg)
{
	(void)child, (void)arg;
	raise(SIGKILL);
}

static void hang_up(const struct im_child *child, const void *arg)
{
	(void)child, (void)arg;
	_exit(5);
}

static void cut_short(const struct im_child *child, const void *arg)
{
	(void)arg;
	im_child_answer(child, 1000);
	im_child_put(child, "only this", 9);
}

/* Copies the device, and finds that there is nothing behind it. */
static void copy(const struct im_child *child, const void *arg)
{
	const uint64_t *size = arg;
	uint8_t *buf = malloc(*size), past;

	if (!buf || im_child_read(child, 0, buf, *size) || !im_child_read(child, *size, &past, 1))
		_exit(9);
	im_child_answer(child, 65536);
	im_child_put(child, buf, 65536);
	free(buf);
}

START_TEST(child_dies)
{
	struct im_answer a;

	ck_assert_int_eq(im_child_run(die, NULL, NULL, -1, NULL, &a, NULL), 0);
	ck_assert_ptr_null(a.data);
	ck_assert_ptr_nonnull(strstr(a.why, "signal 9"));
	ck_assert_int_eq(im_child_run(hang_up, NULL, NULL, -1, NULL, &a, NULL), 0);
	ck_assert_ptr_null(a.data);
	ck_assert_ptr_nonnull(strstr(a.why, "status 5"));
	ck_assert_int_eq(im_child_run(cut_short, NULL, NULL, -1, NULL, &a, NULL), 0);
	ck_assert_ptr_null(a.data);
}
END_TEST

START_TEST(child_reads)
{
	uint64_t size = 3 * MIB + 512;
	struct im_dev *dev = im_dev_mem(size, 512, NULL);
	struct im_answer a;

	memset(im_dev_mem_bytes(dev), 0xa5, size);
	ck_assert_int_eq(im_child_run(copy, NULL, &size, -1, dev, &a, NULL), 0);
	ck_assert_msg(a.data != NULL, "%s", a.why);
	ck_assert_uint_eq(a.len, 65536);
	ck_assert_mem_eq(a.data, im_dev_mem_bytes(dev), 65536);
	free(a.data);
	im_dev_close(dev);
}
END_TEST

/* Waits for a byte from another child, and passes it on. */
static void wait_for_it(const struct im_child *child, const void *arg)
{
	char byte;

	(void)arg;
	if (read(child->fds[0], &byte, 1) != 1)
		_exit(9);
	im_child_answer(child, 1);
	im_child_put(child, &byte, 1);
}

/* Says that it is there, and waits for ever. */
static void stay(const struct im_child *child, const void *arg)
{
	char byte;

	(void)arg;
	if (write(child->fds[0], "!", 1) != 1 || read(child->fds[0], &byte, 1) != 1)
		_exit(9);
}

static void send_it(const struct im_child *child, const void *arg)
{
	if (write(child->fds[0], arg, 1) != 1)
		_exit(9);
	im_child_answer(child, 0);
}

START_TEST(children_side_by_side)
{
	struct im_child_process waits, sends;
	struct im_answer a;
	int ends[2];

	ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
	ck_assert_int_eq(im_child_start(wait_for_it, NULL, NULL, (int[]){ ends[0], -1 }, &waits, NULL), 0);
	ck_assert_int_eq(im_child_start(send_it, NULL, "!", (int[]){ ends[1], -1 }, &sends, NULL), 0);
	ck_assert_int_eq(im_child_finish(&waits, NULL, &a, NULL), 0);
	ck_assert_msg(a.data && a.len == 1 && a.data[0] == '!', "%s", a.why);
	free(a.data);
	ck_assert_int_eq(im_child_finish(&sends, NULL, &a, NULL), 0);
	ck_assert_msg(a.data && !a.len, "%s", a.why);
	free(a.data);
	close(ends[0]);
	close(ends[1]);
}
END_TEST

/* Hands back what it was handed: an answer for each, and then, where that is nothing, it dies. */
static void pass_on(const struct im_child *child, const void *arg)
{
	(void)arg;
	for (int i = 0; i < IM_CHILD_FDS; i++) {
		char byte;

		if (pread(child->fds[i], &byte, 1, 0) != 1)
			_exit(7);
		im_child_answer(child, 1);
		im_child_put(child, &byte, 1);
	}
}

START_TEST(child_answers_twice)
{
	int fds[IM_CHILD_FDS] = { memfd_create("a", MFD_CLOEXEC), memfd_create("b", MFD_CLOEXEC) };
	struct im_child_process p;
	struct im_answer a;

	ck_assert_int_eq(pwrite(fds[0], "a", 1, 0), 1);
	ck_assert_int_eq(pwrite(fds[1], "b", 1, 0), 1);
	ck_assert_int_eq(im_child_start(pass_on, NULL, NULL, fds, &p, NULL), 0);
	ck_assert_int_eq(im_child_next(&p, NULL, &a, NULL), 0);
	ck_assert_msg(a.data && a.len == 1 && a.data[0] == 'a', "%s", a.why);
	free(a.data);
	ck_assert_int_ne(p.pid, 0);
	ck_assert_int_eq(im_child_finish(&p, NULL, &a, NULL), 0);
	ck_assert_msg(a.data && a.len == 1 && a.data[0] == 'b', "%s", a.why);
	free(a.data);

	/* one that dies after its first answer, and one that gives none */
	ck_assert_int_eq(im_child_start(pass_on, NULL, NULL, (int[]){ fds[0], -1 }, &p, NULL), 0);
	ck_assert_int_eq(im_child_next(&p, NULL, &a, NULL), 0);
	ck_assert_msg(a.data && a.len == 1 && a.data[0] == 'a', "%s", a.why);
	free(a.data);
	ck_assert_int_eq(im_child_finish(&p, NULL, &a, NULL), 0);
	ck_assert_ptr_null(a.data);
	ck_assert_ptr_nonnull(strstr(a.why, "status 7"));
	ck_assert_int_eq(im_child_start(pass_on, NULL, NULL, NULL, &p, NULL), 0);
	ck_assert_int_eq(im_child_next(&p, NULL, &a, NULL), 0);
	ck_assert_ptr_null(a.data);
	ck_assert_int_eq(p.pid, 0);
	close(fds[0]);
	close(fds[1]);
}
END_TEST

START_TEST(child_is_ended)
{
	struct im_child_process none = { 0 }, stays;
	int ends[2];
	pid_t pid;
	char byte;

	im_child_end(&none);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	ck_assert_int_eq(im_child_start(stay, NULL, NULL, (int[]){ ends[1], -1 }, &stays, NULL), 0);
	close(ends[1]);
	ck_assert_int_eq(read(ends[0], &byte, 1), 1);
	pid = stays.pid;
	im_child_end(&stays);
	ck_assert_int_eq(read(ends[0], &byte, 1), 0);
	ck_assert_int_eq(waitpid(pid, NULL, 0), -1);
	ck_assert_int_eq(stays.pid, 0);
	im_child_end(&stays);
	close(ends[0]);
}
END_TEST

#if !defined(__SANITIZE_ADDRESS__) && !defined(COVERAGE)	/* these have no sandbox around them */
#define SANDBOX 1

/* What a child that went astray might try; a bit for each that works. */
static void try_everything(const struct im_child *child, const void *arg)
{
	static char *const argv[] = { (char *)"true", NULL };
	uint32_t done = 0;
	pid_t pid;

	(void)arg;
	done |= open("/etc/passwd", O_RDONLY) >= 0 ? 1 : 0;
	done |= open("/tmp/imgmend-sandbox", O_WRONLY | O_CREAT, 0600) >= 0 ? 2 : 0;
	done |= socket(AF_INET, SOCK_STREAM, 0) >= 0 ? 4 : 0;
	done |= kill(getppid(), 0) == 0 ? 8 : 0;
	done |= fcntl(child->sock, F_SETOWN, getpid()) == 0 || fcntl(child->sock, F_SETSIG, SIGKILL) == 0 ? 256 : 0;
	done |= unlink("/tmp/imgmend-sandbox") == 0 ? 16 : 0;
	done |= chdir("/") == 0 ? 32 : 0;
	pid = fork();
	if (!pid)
		_exit(0);
	done |= pid > 0 ? 64 : 0;
	execv("/bin/true", argv);
	done |= child->fds[0] >= 0 && open("/proc/self/fd/3", O_RDONLY) >= 0 ? 128 : 0;
	im_child_answer(child, sizeof(done));
	im_child_put(child, &done, sizeof(done));
}

static uint32_t tried(const struct im_child_needs *needs, int fd)
{
	struct im_answer a;
	uint32_t done;

	ck_assert_int_eq(im_child_run(try_everything, needs, NULL, fd, NULL, &a, NULL), 0);
	ck_assert_msg(a.data && a.len == sizeof(done), "%s", a.why);
	memcpy(&done, a.data, sizeof(done));
	free(a.data);
	return done;
}

START_TEST(child_is_confined)
{
	static const struct im_child_needs proc = { .opens_proc = true };
	int fd = memfd_create("disk", MFD_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	ck_assert_uint_eq(tried(NULL, fd), 0);
	/* the one thing that libparted must be able to do; where there is no Landlock it can open files as well */
	ck_assert_uint_eq(tried(&proc, fd) & ~3u, 128);
	if (syscall(SYS_landlock_create_ruleset, NULL, 0, 1) > 0)
		ck_assert_uint_eq(tried(&proc, fd), 128);
	close(fd);
	unlink("/tmp/imgmend-sandbox");
}
END_TEST

/* What the libraries may ask of the system, which has other calls for some of it on 32-bit machines; a bit for each
 * that fails. */
static void live(const struct im_child *child, const void *arg)
{
	const uid_t *self = arg;
	uint32_t failed = 0;
	struct timespec now;
	struct stat st;
	char byte;

	failed |= mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? 1 : 0;
	failed |= getuid() != *self || geteuid() != *self ? 2 : 0;
	failed |= getgid() == (gid_t)-1 || getegid() == (gid_t)-1 ? 4 : 0;
	failed |= fstat(child->fds[0], &st) ? 8 : 0;
	failed |= lseek(child->fds[0], 5ll << 30, SEEK_SET) != 5ll << 30 ? 16 : 0;
	failed |= pread(child->fds[0], &byte, 1, 0) != 0 ? 32 : 0;
	failed |= posix_fadvise(child->fds[0], 0, 0, POSIX_FADV_RANDOM) ? 64 : 0;
	failed |= fcntl(child->fds[0], F_GETFL) < 0 ? 128 : 0;
	failed |= clock_gettime(CLOCK_REALTIME, &now) ? 256 : 0;
	im_child_answer(child, sizeof(failed));
	im_child_put(child, &failed, sizeof(failed));
}

START_TEST(child_can_live)
{
	int fd = memfd_create("disk", MFD_CLOEXEC);
	uid_t self = getuid();
	struct im_answer a;
	uint32_t failed;

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(im_child_run(live, NULL, &self, fd, NULL, &a, NULL), 0);
	ck_assert_msg(a.data && a.len == sizeof(failed), "%s", a.why);
	memcpy(&failed, a.data, sizeof(failed));
	ck_assert_uint_eq(failed, 0);
	free(a.data);
	close(fd);
}
END_TEST

#endif

static Suite *suite(void)
{
	Suite *s = suite_create("child");
	TCase *t = tcase_create("child");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, child_dies);
	tcase_add_test(t, child_reads);
	tcase_add_test(t, children_side_by_side);
	tcase_add_test(t, child_answers_twice);
	tcase_add_test(t, child_is_ended);
#ifdef SANDBOX
	tcase_add_test(t, child_is_confined);
	tcase_add_test(t, child_can_live);
#endif
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	return run_suite(suite());
}
