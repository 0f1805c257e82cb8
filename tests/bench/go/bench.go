// What every Go benchmark here shares: options, clock, report, memory. See ../common.hpp.
package main

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"time"
)

var (
	small     = flag.Bool("small", false, "a short run")
	countFlag = flag.Int("count", 0, "how often to repeat")
	producers = flag.Int("producers", 1, "how many send")
	bufferLen = flag.Int("buffer", 4096, "bytes of a connection's buffer")
)

func count(full, few int) int {
	flag.Parse()
	if *countFlag > 0 {
		return *countFlag
	}
	if *small {
		return few
	}
	return full
}

func seconds(run func()) float64 {
	start := time.Now()
	run()
	return time.Since(start).Seconds()
}

func report(name string, value float64, unit string) { fmt.Printf("%s %.9g %s\n", name, value, unit) }

func require(holds bool, what string) {
	if !holds {
		fmt.Fprintln(os.Stderr, "benchmark failed:", what)
		os.Exit(1)
	}
}

// In bytes.
func rss() float64     { return status("VmRSS:") }
func peakRss() float64 { return status("VmHWM:") }

func status(field string) float64 {
	text, err := os.ReadFile("/proc/self/status")
	require(err == nil, "/proc/self/status can be read")
	var kib float64
	_, rest, _ := strings.Cut(string(text), field)
	fmt.Sscan(rest, &kib)
	return kib * 1024
}
