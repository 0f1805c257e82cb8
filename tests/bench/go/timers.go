// timers: a million timers are armed, then all of them stopped; the time of each.
package main

import "time"

func main() {
	timers := count(1000000, 10000)
	took := seconds(func() {
		all := make([]*time.Timer, 0, timers)
		for i := 0; i < timers; i++ {
			all = append(all, time.AfterFunc(time.Minute+time.Duration(i%1000)*time.Millisecond, func() {}))
		}
		for _, t := range all {
			require(t.Stop(), "no timer was due")
		}
	})
	report("timers", took*1e9/float64(timers), "ns")
}
