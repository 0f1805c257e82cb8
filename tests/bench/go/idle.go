// idle: a million goroutines that wait on a channel of their own; the time to start them and the memory of each.
package main

func main() {
	servers := count(1000000, 10000)
	all := make([]chan chan int, 0, servers)
	before := rss()
	took := seconds(func() {
		for i := 0; i < servers; i++ {
			requests := make(chan chan int)
			go func(number int) {
				for reply := range requests {
					reply <- number
				}
			}(i)
			all = append(all, requests)
		}
		// The last one has run once it answers; the others have by then, or are about to.
		reply := make(chan int)
		for _, requests := range []chan chan int{all[0], all[servers/2], all[servers-1]} {
			requests <- reply
			<-reply
		}
	})
	report("idle", took, "s")
	report("idle_bytes", (rss()-before)/float64(servers), "B")
}
