"""Pure: how many pods a version needs, by the algorithm of Kubernetes' Horizontal Pod Autoscaler and for its traffic.

`recommend` (serin.scaling.autoscaler) is one pass of upstream's controller (Kubernetes v1.37,
`pkg/controller/podautoscaler`) without its I/O: pods, samples, the spec, the time and what earlier passes left come in,
and the replicas, why, and what the next pass must know go out. A number that differs from upstream's is a bug.
"""
