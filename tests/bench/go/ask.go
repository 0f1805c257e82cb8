// ask: one goroutine asks another through channels. ask_8: eight ask the same one. Without a time-out, which is Go's
// fastest way.
package main

type request struct{ reply chan int }

func server(requests chan request) {
	count := 0
	for r := range requests {
		count++
		r.reply <- count
	}
}

func ask(clients, asks int) float64 {
	requests := make(chan request)
	go server(requests)
	took := seconds(func() {
		done := make(chan bool)
		for i := 0; i < clients; i++ {
			go func() {
				reply := make(chan int)
				for i := 0; i < asks; i++ {
					requests <- request{reply}
					<-reply
				}
				done <- true
			}()
		}
		for i := 0; i < clients; i++ {
			<-done
		}
	})
	reply := make(chan int)
	requests <- request{reply}
	require(<-reply == clients*asks+1, "each ask was answered once")
	close(requests)
	return took
}

func main() {
	asks := count(1000000, 10000)
	report("ask", ask(1, asks)*1e9/float64(asks), "ns")
	report("ask_8", float64(asks)/ask(8, asks/8), "/s")
}
