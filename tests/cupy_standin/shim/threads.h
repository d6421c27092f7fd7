// Blocks as a loop; a block's threads as a loop, or as fibers where the source has a barrier or warps exchange values.
#pragma once

extern "C" const char __start_standin_shared[] __attribute__((weak));
extern "C" const char __stop_standin_shared[] __attribute__((weak));

struct uint3 { unsigned x, y, z; };
typedef uint3 dim3;
static uint3 threadIdx, blockIdx;
static dim3 blockDim, gridDim;
static const int warpSize = 32;

namespace standin {

struct Launch {
    unsigned grid[3];
    unsigned block[3];
    int reversed;            // last block and last thread first
    unsigned shared_bytes;   // of dynamic shared memory
};

constexpr unsigned MOST_THREADS = 1024;
constexpr size_t STACK = 64 * 1024;
enum Waiting { NOT, BLOCK, WARP };

struct Fiber {
    jmp_buf at;
    bool started, alive;
    Waiting waiting;
    int line;                  // of the barrier that it waits at
    unsigned mask;             // lanes that it exchanges with
    unsigned exchanges;        // so far; a value is kept until all others have read it
    unsigned long long value[2];
};

struct Cancelled {};

static Fiber* fibers;
static char* stacks;
static jmp_buf scheduler;
static volatile unsigned running;
static volatile bool in_fibers, cancelled;
static unsigned alive_threads;
static void (*body)(void*);
static void* body_data;
static Failure failure;
static bool failed;
alignas(16) static char dynamic_shared[48 * 1024];

static inline void note(const Failure& what) {
    if (!failed) failure = what;
    failed = true;
}

static void yield_fiber() {
    if (!_setjmp(fibers[running].at)) _longjmp(scheduler, 1);
}

static void enter() {
    for (;;) {
        try {
            body(body_data);
        } catch (const Failure& what) {
            note(what);
        } catch (const Cancelled&) {
        }
        fibers[running].alive = false;
        yield_fiber();
    }
}

static void resume(unsigned thread) {
    running = thread;
    threadIdx = {thread % blockDim.x, thread / blockDim.x % blockDim.y, thread / (blockDim.x * blockDim.y)};
    if (_setjmp(scheduler)) return;
    Fiber& fiber = fibers[thread];
    if (fiber.started) _longjmp(fiber.at, 1);
    fiber.started = true;
    ucontext_t context;
    getcontext(&context);
    context.uc_stack.ss_sp = stacks + thread * STACK;
    context.uc_stack.ss_size = STACK;
    context.uc_link = nullptr;
    makecontext(&context, enter, 0);
    setcontext(&context);
}

static void wait_here(Waiting kind, int line, unsigned mask) {
    if (!in_fibers) fail("line %d: a barrier that the stand-in did not see in the kernel's text", line);
    Fiber& fiber = fibers[running];
    fiber.waiting = kind;
    fiber.line = line;
    fiber.mask = mask;
    yield_fiber();
    if (cancelled) throw Cancelled();
}
// Called through a pointer that may change, so that no memory is thought to stay as it was.
static void (*volatile wait)(Waiting, int, unsigned) = wait_here;

static bool release_warp(unsigned first, unsigned threads) {
    bool released = false;
    for (unsigned thread = first; thread < first + 32 && thread < threads; ++thread) {
        Fiber& fiber = fibers[thread];
        if (!fiber.alive || fiber.waiting != WARP) continue;
        if (!(fiber.mask >> (thread - first) & 1)) fail("line %d: a thread names a mask of lanes without its own", fiber.line);
        bool all = true;
        for (unsigned lane = 0; lane < 32; ++lane) {
            if (!(fiber.mask >> lane & 1)) continue;
            if (first + lane >= threads) fail("line %d: the mask names lane %u, and the block ends before it", fiber.line, lane);
            Fiber& other = fibers[first + lane];
            if (!other.alive) fail("line %d: the mask names lane %u, whose thread has left the kernel", fiber.line, lane);
            all &= other.waiting == WARP && other.line == fiber.line && other.mask == fiber.mask;
        }
        if (!all) continue;
        for (unsigned lane = 0; lane < 32; ++lane) if (fiber.mask >> lane & 1) fibers[first + lane].waiting = NOT;
        released = true;
    }
    return released;
}

static void release(unsigned threads) {
    bool released = false;
    for (unsigned first = 0; first < threads; first += 32) released |= release_warp(first, threads);
    if (released) return;
    int line = 0;
    unsigned gone = 0, elsewhere = 0;
    for (unsigned thread = 0; thread < threads; ++thread) {
        Fiber& fiber = fibers[thread];
        if (!fiber.alive) { ++gone; continue; }
        if (!line) line = fiber.line;
        elsewhere += fiber.line != line || fiber.waiting != BLOCK;
    }
    if (elsewhere) fail("line %d: some threads wait at this barrier, and %u wait at another", line, elsewhere);
    if (gone) fail("line %d: threads wait at this barrier, and %u threads have left the kernel before it", line, gone);
    for (unsigned thread = 0; thread < threads; ++thread) fibers[thread].waiting = NOT;
}

static bool pass_over(unsigned threads, bool reversed) {
    bool alive = false;
    for (unsigned i = 0; i < threads; ++i) {
        unsigned thread = reversed ? threads - 1 - i : i;
        if (fibers[thread].alive && fibers[thread].waiting == NOT) resume(thread);
        alive |= fibers[thread].alive;
    }
    return alive;
}

static void run_fibers(unsigned threads, bool reversed) {
    if (!fibers) {
        fibers = new Fiber[MOST_THREADS]();
        stacks = (char*)mmap(nullptr, MOST_THREADS * STACK, PROT_READ | PROT_WRITE,
                             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    }
    for (unsigned thread = 0; thread < threads; ++thread) {
        fibers[thread].alive = true;
        fibers[thread].waiting = NOT;
        fibers[thread].exchanges = 0;
    }
    in_fibers = true;
    cancelled = false;
    while (pass_over(threads, reversed) && !failed) {
        try {
            release(threads);
        } catch (const Failure& what) {
            note(what);
        }
    }
    if (failed) {
        cancelled = true;
        for (unsigned thread = 0; thread < threads; ++thread) {
            fibers[thread].waiting = NOT;
            if (fibers[thread].alive) resume(thread);
        }
    }
    in_fibers = false;
}

template <class Body>
static void call(void* data) { (*(Body*)data)(); }

template <class Body>
static void run_loop(Body& kernel, unsigned threads, bool reversed) {
    if (!reversed && blockDim.y == 1 && blockDim.z == 1) {
        for (unsigned x = 0; x < threads; ++x) { threadIdx = {x, 0, 0}; kernel(); }
        return;
    }
    for (unsigned i = 0; i < threads; ++i) {
        unsigned thread = reversed ? threads - 1 - i : i;
        threadIdx = {thread % blockDim.x, thread / blockDim.x % blockDim.y, thread / (blockDim.x * blockDim.y)};
        kernel();
    }
}

template <class Body>
static int launch(const Launch& how, Body kernel, bool with_fibers, const char* name, char* message, size_t length) {
    gridDim = {how.grid[0], how.grid[1], how.grid[2]};
    blockDim = {how.block[0], how.block[1], how.block[2]};
    unsigned threads = blockDim.x * blockDim.y * blockDim.z;
    unsigned long long blocks = (unsigned long long)gridDim.x * gridDim.y * gridDim.z;
    failed = false;
    body = call<Body>;
    body_data = &kernel;
    for (unsigned long long i = 0; i < blocks && !failed; ++i) {
        unsigned long long block = how.reversed ? blocks - 1 - i : i;
        blockIdx = {(unsigned)(block % gridDim.x), (unsigned)(block / gridDim.x % gridDim.y),
                    (unsigned)(block / ((unsigned long long)gridDim.x * gridDim.y))};
        // Shared memory holds nothing at first: NaN, or -1.
        if (__start_standin_shared) {
            std::memset((void*)__start_standin_shared, 0xff, __stop_standin_shared - __start_standin_shared);
        }
        std::memset(dynamic_shared, 0xff, how.shared_bytes);
        try {
            if (with_fibers) run_fibers(threads, how.reversed);
            else run_loop(kernel, threads, how.reversed);
        } catch (const Failure& what) {
            note(what);
        }
    }
    if (!failed) return 0;
    std::snprintf(message, length, "kernel %s, block (%u, %u, %u), thread (%u, %u, %u): %s", name, blockIdx.x, blockIdx.y,
                  blockIdx.z, threadIdx.x, threadIdx.y, threadIdx.z, failure.text);
    return 1;
}

template <class T>
static T exchange(T value, unsigned mask, int source_lane, bool own, int line) {
    static_assert(sizeof(T) <= 8, "warps exchange values of up to 8 bytes");
    if (!in_fibers) fail("line %d: an exchange that the stand-in did not see in the kernel's text", line);
    unsigned slot = fibers[running].exchanges++ & 1;
    std::memcpy(&fibers[running].value[slot], &value, sizeof(T));
    wait(WARP, line, mask);
    if (own) return value;
    unsigned first = running & ~31u;
    if (!(mask >> source_lane & 1)) fail("line %d: lane %d is read, and the mask does not name it", line, source_lane);
    T result;
    std::memcpy(&result, &fibers[first + source_lane].value[slot], sizeof(T));
    return result;
}

static inline int lane() { return running & 31; }

template <class T> static T shuffle(unsigned mask, T value, int source, int width, int line) {
    return exchange(value, mask, (lane() & ~(width - 1)) + (source & (width - 1)), false, line);
}
template <class T> static T shuffle_down(unsigned mask, T value, unsigned by, int width, int line) {
    bool own = (lane() & (width - 1)) + (int)by >= width;
    return exchange(value, mask, own ? lane() : lane() + (int)by, own, line);
}
template <class T> static T shuffle_up(unsigned mask, T value, unsigned by, int width, int line) {
    bool own = (lane() & (width - 1)) < (int)by;
    return exchange(value, mask, own ? lane() : lane() - (int)by, own, line);
}
template <class T> static T shuffle_xor(unsigned mask, T value, int by, int width, int line) {
    bool own = (lane() & ~(width - 1)) != ((lane() ^ by) & ~(width - 1));
    return exchange(value, mask, own ? lane() : lane() ^ by, own, line);
}
static inline void sync_warp(int line, unsigned mask = 0xffffffffu) { exchange(0, mask, 0, true, line); }

struct Width {  // the last argument of a shuffle may be left out
    int width = 32;
};

}  // namespace standin

#define __syncthreads() standin::wait(standin::BLOCK, __LINE__, 0)
#define __syncwarp(...) standin::sync_warp(__LINE__ __VA_OPT__(,) __VA_ARGS__)
#define __shfl_sync(mask, value, source, ...) \
    standin::shuffle(mask, value, source, standin::Width{__VA_ARGS__}.width, __LINE__)
#define __shfl_down_sync(mask, value, by, ...) \
    standin::shuffle_down(mask, value, by, standin::Width{__VA_ARGS__}.width, __LINE__)
#define __shfl_up_sync(mask, value, by, ...) \
    standin::shuffle_up(mask, value, by, standin::Width{__VA_ARGS__}.width, __LINE__)
#define __shfl_xor_sync(mask, value, by, ...) \
    standin::shuffle_xor(mask, value, by, standin::Width{__VA_ARGS__}.width, __LINE__)
