// ping_pong: two goroutines throw a ball to and fro; the time of a round trip.
package main

func main() {
	rounds := count(1000000, 10000)
	to, fro, done := make(chan int), make(chan int), make(chan bool)
	go func() {
		for ball := range to {
			fro <- ball
		}
	}()
	took := seconds(func() {
		go func() {
			for i := 0; i < rounds; i++ {
				to <- i
				require(<-fro == i, "the ball comes back")
			}
			done <- true
		}()
		<-done
	})
	close(to)
	report("ping_pong", took*1e9/float64(rounds), "ns")
}
