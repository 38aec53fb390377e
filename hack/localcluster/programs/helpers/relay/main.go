// Relay carries TCP connections from the machine into the cluster.
//
// The listening sockets are made outside of the cluster's network namespace and inherited (file
// descriptors 3, 4, …), so they accept outside; the relay itself runs inside, so it connects inside.
// The n-th argument is the address for the n-th socket. Go splices between TCP sockets in the kernel.
package main

import (
	"io"
	"log"
	"net"
	"os"
	"time"
)

const firstDescriptor = 3

func main() {
	for index, target := range os.Args[1:] {
		file := os.NewFile(uintptr(firstDescriptor+index), target)
		listener, err := net.FileListener(file)
		if err != nil {
			log.Fatalf("descriptor %d for %s is no listening socket: %v", firstDescriptor+index, target, err)
		}
		go accept(listener.(*net.TCPListener), target)
	}
	select {}
}

func accept(listener *net.TCPListener, target string) {
	for {
		outside, err := listener.AcceptTCP()
		if err != nil {
			log.Printf("accept for %s: %v", target, err)
			time.Sleep(10 * time.Millisecond)
			continue
		}
		go connect(outside, target)
	}
}

func connect(outside *net.TCPConn, target string) {
	defer outside.Close()
	connection, err := net.DialTimeout("tcp", target, 5*time.Second)
	if err != nil {
		// A reset is the nearest thing to the refusal that a client inside would see.
		_ = outside.SetLinger(0)
		return
	}
	inside := connection.(*net.TCPConn)
	defer inside.Close()
	answered := make(chan struct{})
	go func() {
		pass(outside, inside)
		close(answered)
	}()
	pass(inside, outside)
	<-answered
}

// pass copies one direction. An end of stream is handed on as such; an error ends both directions.
func pass(to, from *net.TCPConn) {
	if _, err := io.Copy(to, from); err != nil {
		_ = to.SetLinger(0)
		to.Close()
		from.Close()
		return
	}
	_ = to.CloseWrite()
}
