// ring: a token goes round 503 goroutines; the time of a hop.
package main

func main() {
	const members = 503
	hops := count(2000000, 10000)
	done := make(chan bool)
	first := make(chan int)
	from := first
	for i := 0; i < members; i++ {
		to := make(chan int)
		if i == members-1 {
			to = first
		}
		go func(from, to chan int) {
			for left := range from {
				if left == 0 {
					done <- true
					return
				}
				to <- left - 1
			}
		}(from, to)
		from = to
	}
	took := seconds(func() {
		first <- hops
		<-done
	})
	report("ring", took*1e9/float64(hops), "ns")
}
