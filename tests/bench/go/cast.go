// cast_<n>: n goroutines flood one, which counts; the channel holds 1,024. cast_<n>_peak: the memory that took.
package main

import "fmt"

func main() {
	messages := count(10000000, 100000)
	name := fmt.Sprintf("cast_%d", *producers)
	each := messages / *producers
	numbers := make(chan int, 1024)
	took := seconds(func() {
		for i := 0; i < *producers; i++ {
			go func() {
				for i := 0; i < each; i++ {
					numbers <- i
				}
			}()
		}
		done := make(chan bool)
		go func() {
			for left := each * *producers; left > 0; left-- {
				<-numbers
			}
			done <- true
		}()
		<-done
	})
	report(name, float64(each**producers)/took, "/s")
	report(name+"_peak", peakRss()/(1<<20), "MiB")
}
