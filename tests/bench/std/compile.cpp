// What a source file costs that only includes what any concurrent program does: the limit of the compile benchmark.
#include <atomic>
#include <chrono>
#include <coroutine>
#include <memory>
#include <thread>

int main() {}
