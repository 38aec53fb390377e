module serin.dev/hack/programs/helpers

go 1.26.0
