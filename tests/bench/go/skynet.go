// skynet: a goroutine makes ten, each makes ten, down to a million leaves, and the sum of their numbers comes back up.
package main

func node(parent chan int, number, size int) {
	if size == 1 {
		parent <- number
		return
	}
	parts := make(chan int)
	for i := 0; i < 10; i++ {
		go node(parts, number+i*(size/10), size/10)
	}
	sum := 0
	for i := 0; i < 10; i++ {
		sum += <-parts
	}
	parent <- sum
}

func main() {
	leaves := count(1000000, 10000)
	sum := 0
	took := seconds(func() {
		total := make(chan int)
		go node(total, 0, leaves)
		sum = <-total
	})
	report("skynet", took, "s")
	report("skynet_peak", peakRss()/(1<<20), "MiB")
	require(sum == leaves*(leaves-1)/2, "the sum is right")
}
