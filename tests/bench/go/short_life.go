// short_life: a goroutine starts another, which answers and ends; then the next.
package main

func main() {
	lives := count(1000000, 10000)
	took := seconds(func() {
		done := make(chan bool)
		go func() {
			answers := make(chan int)
			for i := 0; i < lives; i++ {
				go func() { answers <- 1 }()
				<-answers
			}
			done <- true
		}()
		<-done
	})
	report("short_life", took*1e9/float64(lives), "ns")
}
