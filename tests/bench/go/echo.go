// An echo server, a goroutine for each connection. Prints `port <n>` when it listens and serves until it is killed.
package main

import (
	"flag"
	"fmt"
	"net"
)

func echo(connection net.Conn) {
	defer connection.Close()
	buffer := make([]byte, *bufferLen)
	for {
		n, err := connection.Read(buffer)
		if err != nil {
			return
		}
		if _, err := connection.Write(buffer[:n]); err != nil {
			return
		}
	}
}

func main() {
	flag.Parse()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require(err == nil, "a port to listen on")
	fmt.Printf("port %d\n", listener.Addr().(*net.TCPAddr).Port)
	for {
		connection, err := listener.Accept()
		if err != nil {
			return
		}
		go echo(connection)
	}
}
