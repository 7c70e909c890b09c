//! A simulated HubSpot portal.
