/*
 * shortage.c - memory that runs out when told to, in a program that is whole.
 *
 * Preloaded, so that every allocation is reached: the program's, the C library's own
 * and those of all other libraries. The file that TLSWARD_SHORTAGE names holds struct
 * shortage and is shared with the test, which sets it before or while the program
 * runs, and reads in it how many allocations there were and what is not freed.
 *
 * With "folder" set the program is not run once but many times: main() is called in a
 * child of its own for each number in "folder"/numbers, the allocation that fails. Its
 * output and errors are "folder"/N.out and N.err, and a line "N STATUS COUNT LIVE" and
 * the functions that failed are in "folder"/rounds. With "telling" set a round has
 * "folder"/N.sites, too: for each allocation 8 bytes that stand for who asked.
 *
 * SPDX-License-Identifier: ISC
 */
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <link.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Of the program and the C library, or of all other libraries. */
enum { EVERYBODYS, OURS, LIBRARIES };

#define FRAMES_MAX 32
#define CALLER __builtin_return_address(0)

struct shortage {
	atomic_long failing;	/* this allocation from now on fails; 0: none does */
	atomic_long lasting;	/* not 0: and all that follow it */
	atomic_long process;	/* in this process alone; 0: in all */
	atomic_long whose;	/* allocations count and fail */
	atomic_long count;	/* of these since the test set it to 0 */
	atomic_long live;	/* blocks that nobody has freed yet */
	atomic_long failed;	/* how many failed */
	long telling;		/* not 0: rounds tell who asked for what */
	long now;		/* in seconds, in rounds */
	char folder[256];
	char where[2048];	/* the functions that were told no first, innermost first */
};

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t members, size_t size);
extern void *__libc_realloc(void *memory, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);
extern void __libc_free(void *memory);

typedef int main_function(int argc, char **argv, char **environment);
typedef int start_function(main_function *start, int argc, char **argv, void (*init)(void),
    void (*fini)(void), void (*rtld_fini)(void), void *stack_end);
start_function __libc_start_main;

static struct shortage none;
static struct shortage *shortage = &none;
static atomic_int started;
static _Thread_local int telling;
static int sites = -1;		/* where that is told; -1: it is not */
static main_function *program;
static struct {
	uintptr_t start, size;
} codes[4];		/* of whom, by the names below */
static size_t code_count;

/* So many functions of ours tell one place where memory is asked for from another. */
#define SITE_OURS 2
#define PARTS_MAX 100

/* The code of all that is loaded: how it is laid out is another each time. */
static struct {
	uintptr_t start, size;
} parts[PARTS_MAX];
static size_t part_count;

/*
 * The program comes first and has no name; the C library works for it. libmilter, and the
 * threads that it starts, are left alone: it sleeps for seconds after each failure.
 */
static const char *const coders[] = { "", "/libc.so", "/libmilter.so", "/ld-linux" };
#define CODERS (sizeof(coders) / sizeof(coders[0]))

static void
tell_frame(void *frame, char *out, size_t size)
{
	Dl_info info;
	const char *file;

	if (dladdr(frame, &info) == 0 || info.dli_fname == NULL)
		return;
	file = strrchr(info.dli_fname, '/');
	(void)snprintf(out, size, " %s:%s+%lx", file != NULL ? file + 1 : info.dli_fname,
	    info.dli_sname != NULL ? info.dli_sname : "",
	    (unsigned long)((char *)frame - (char *)info.dli_fbase));
}

/* Keeps who asked, for the first that is refused. */
static void
tell_where(void)
{
	void *frames[FRAMES_MAX];
	size_t length = 0;
	int count;

	telling = 1;
	count = backtrace(frames, FRAMES_MAX);
	for (int i = 3; i < count && length < sizeof(shortage->where) - 1; i++) {
		tell_frame(frames[i], shortage->where + length,
		    sizeof(shortage->where) - length);
		length += strlen(shortage->where + length);
	}
	telling = 0;
}

static uint64_t
site_frame(uint64_t site, uintptr_t frame)
{
	size_t i = 0;

	while (i < part_count && frame - parts[i].start >= parts[i].size)
		i++;
	if (i < part_count)
		frame -= parts[i].start;
	return (site ^ ((uint64_t)i << 32) ^ frame) * 0x9E3779B97F4A7C15u;
}

/* Tells who asks, whether or not it is given: that caller, and the nearest of ours. */
static void
tell_site(void)
{
	void *frames[FRAMES_MAX];
	uint64_t site = 0;
	int count, ours = 0;

	telling = 1;
	count = backtrace(frames, FRAMES_MAX);
	for (int i = 3; i < count && ours < SITE_OURS; i++) {
		bool is_ours = (uintptr_t)frames[i] - codes[0].start < codes[0].size;

		ours += is_ours;
		if (i == 3 || is_ours)
			site = site_frame(site ^ site >> 29, (uintptr_t)frames[i]);
	}
	if (write(sites, &site, sizeof(site)) != sizeof(site))
		abort();
	telling = 0;
}

static bool
counts(const void *caller)
{
	size_t coder = 0;

	while (coder < CODERS && (uintptr_t)caller - codes[coder].start >= codes[coder].size)
		coder++;
	if (atomic_load(&started) == 0 || telling)
		return false;
	if (shortage->process != 0 && shortage->process != getpid())
		return false;
	if (coder == 2 || coder == 3)
		return false;
	return shortage->whose == EVERYBODYS || (coder < 2) == (shortage->whose == OURS);
}

/* "caller" is the address that asks. */
static bool
refused(const void *caller)
{
	long failing, n;

	if (!counts(caller))
		return false;
	n = atomic_fetch_add(&shortage->count, 1) + 1;
	if (sites != -1)
		tell_site();
	failing = shortage->failing;
	if (failing == 0 || n < failing || (n > failing && shortage->lasting == 0))
		return false;
	if (atomic_fetch_add(&shortage->failed, 1) == 0)
		tell_where();
	errno = ENOMEM;
	return true;
}

static void *
counted(void *memory)
{
	if (memory != NULL)
		(void)atomic_fetch_add(&shortage->live, 1);
	return memory;
}

void *
malloc(size_t size)
{
	return refused(CALLER) ? NULL : counted(__libc_malloc(size));
}

void *
calloc(size_t members, size_t size)
{
	return refused(CALLER) ? NULL : counted(__libc_calloc(members, size));
}

void *
realloc(void *memory, size_t size)
{
	void *made;

	if ((memory == NULL || size > 0) && refused(CALLER))
		return NULL;
	made = __libc_realloc(memory, size);
	if (memory == NULL)
		return counted(made);
	if (made == NULL && size == 0)
		(void)atomic_fetch_sub(&shortage->live, 1);
	return made;
}

void *
memalign(size_t alignment, size_t size)
{
	return refused(CALLER) ? NULL : counted(__libc_memalign(alignment, size));
}

void *
aligned_alloc(size_t alignment, size_t size)
{
	return refused(CALLER) ? NULL : counted(__libc_memalign(alignment, size));
}

int
posix_memalign(void **memory, size_t alignment, size_t size)
{
	void *made = refused(CALLER) ? NULL : counted(__libc_memalign(alignment, size));

	if (made == NULL)
		return ENOMEM;
	*memory = made;
	return 0;
}

void
free(void *memory)
{
	if (memory != NULL)
		(void)atomic_fetch_sub(&shortage->live, 1);
	__libc_free(memory);
}

static int
find_code(struct dl_phdr_info *info, size_t size, void *context)
{
	size_t coder = info->dlpi_name[0] == '\0' && code_count == 0 ? 0 : 1;

	(void)size;
	(void)context;
	for (int i = 0; i < info->dlpi_phnum && part_count < PARTS_MAX; i++)
		if (info->dlpi_phdr[i].p_type == PT_LOAD &&
		    (info->dlpi_phdr[i].p_flags & PF_X) != 0) {
			parts[part_count].start = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
			parts[part_count++].size = info->dlpi_phdr[i].p_memsz;
		}
	code_count++;
	while (coder > 0 && coder < CODERS && strstr(info->dlpi_name, coders[coder]) == NULL)
		coder++;
	for (int i = 0; coder < CODERS && i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *part = &info->dlpi_phdr[i];

		if (part->p_type != PT_LOAD || (part->p_flags & PF_X) == 0)
			continue;
		codes[coder].start = info->dlpi_addr + part->p_vaddr;
		codes[coder].size = part->p_memsz;
	}
	return 0;
}

static void
map_control(void)
{
	const char *path = getenv("TLSWARD_SHORTAGE");
	int fd = path != NULL ? open(path, O_RDWR | O_CLOEXEC) : -1;
	void *frame;

	(void)backtrace(&frame, 1);	/* which loads what it needs */
	(void)dl_iterate_phdr(find_code, NULL);
	if (fd < 0)
		return;
	shortage = mmap(NULL, sizeof(*shortage), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (shortage == MAP_FAILED)
		abort();
	(void)close(fd);
	shortage->live = none.live;
	(void)unsetenv("LD_PRELOAD");	/* what the program calls is not meant */
}

/* A file of the round. */
static int
round_file(long n, const char *suffix)
{
	char path[300];
	int file;

	(void)snprintf(path, sizeof(path), "%s/%ld.%s", shortage->folder, n, suffix);
	file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (file < 0)
		abort();
	return file;
}

/* Writes what the round's program writes to a file of its own. */
static void
write_to(long n, const char *suffix, int fd)
{
	int file = round_file(n, suffix);

	if (dup2(file, fd) < 0)
		abort();
	(void)close(file);
}

static int
play_round(long n, int argc, char **argv, char **environment)
{
	(void)lseek(STDIN_FILENO, 0, SEEK_SET);
	write_to(n, "out", STDOUT_FILENO);
	write_to(n, "err", STDERR_FILENO);
	if (shortage->telling != 0)
		sites = round_file(n, "sites");
	shortage->count = 0;
	shortage->failed = 0;
	shortage->where[0] = '\0';
	shortage->failing = n;
	atomic_store(&started, 1);
	return program(argc, argv, environment);
}

/* The numbers, read at once: children would share the file's place. */
static char *
read_numbers(void)
{
	static char text[1 << 20];
	char path[300];
	int file;

	(void)snprintf(path, sizeof(path), "%s/numbers", shortage->folder);
	file = open(path, O_RDONLY | O_CLOEXEC);
	if (file < 0 || read(file, text, sizeof(text) - 1) < 0)
		abort();
	(void)close(file);
	return text;
}

static int
play_rounds(int argc, char **argv, char **environment)
{
	char path[300], *numbers = read_numbers();
	long live = shortage->live, n;
	int rounds, status;

	(void)snprintf(path, sizeof(path), "%s/rounds", shortage->folder);
	rounds = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	while ((n = strtol(numbers, &numbers, 10)) > 0) {
		pid_t child = fork();

		if (child == 0)
			exit(play_round(n, argc, argv, environment));
		if (child < 0 || waitpid(child, &status, 0) != child)
			abort();
		(void)dprintf(rounds, "%ld %d %ld %ld%s\n", n,
		    WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status),
		    shortage->count, shortage->live - live, shortage->where);
		shortage->live = live;
	}
	return 0;
}

static int
main_of_shortage(int argc, char **argv, char **environment)
{
	if (shortage->folder[0] != '\0')
		return play_rounds(argc, argv, environment);
	atomic_store(&started, 1);
	return program(argc, argv, environment);
}

/* In rounds time stands still, so that each has the same to say. */
int
clock_gettime(clockid_t clock, struct timespec *now)
{
	long result;

	if (shortage->folder[0] == '\0') {
		result = syscall(SYS_clock_gettime, clock, now);
		return (int)result;
	}
	*now = (struct timespec){ .tv_sec = shortage->now };
	return 0;
}

time_t
time(time_t *now)
{
	struct timespec at;

	(void)clock_gettime(CLOCK_REALTIME, &at);
	if (now != NULL)
		*now = at.tv_sec;
	return at.tv_sec;
}

__attribute__((destructor)) static void
stop(void)
{
	atomic_store(&started, 0);
}

int
__libc_start_main(main_function *start, int argc, char **argv, void (*init)(void),
    void (*fini)(void), void (*rtld_fini)(void), void *stack_end)
{
	union {
		void *symbol;
		start_function *function;
	} real;

	real.symbol = dlsym(RTLD_NEXT, "__libc_start_main");
	program = start;
	map_control();
	return real.function(main_of_shortage, argc, argv, init, fini, rtld_fini, stack_end);
}
