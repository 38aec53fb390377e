"""What is made from the models: the CRDs, in `crds/` and in the chart, and the reference of the resources."""
