"""What the gateway answers. The structures are the contract: the OpenAPI document is made from them.

Times are ISO-8601 in UTC. Probabilities and EV (per unit staked) are not rounded. `price`, `net_price` and `fair_odds`
are in the format that `odds_format` names: decimal odds with at most 4 places, or American odds as integers.
"""

from bet_intel.api.answers.combinations import Combination, CombinationLeg, CombinationList, PlacedStakes, Window
from bet_intel.api.answers.common import AsOf, Bookmaker, EventRef, MarketRef, NextCursor, OddsFormatName, Peak
from bet_intel.api.answers.events import (
    BookmakerList,
    BookmakerState,
    Event,
    EventHistory,
    EventList,
    EventOdds,
    LeagueCounts,
    MarketOdds,
    OutcomeOdds,
    Price,
    PriceChange,
    SportCounts,
    SportList,
)
from bet_intel.api.answers.operation import (
    BookmakerAge,
    Credits,
    FeedState,
    Index,
    PricingDocument,
    Probe,
    ProviderState,
    ReadModelState,
    Refresh,
    ServiceState,
    Status,
)
from bet_intel.api.answers.opportunities import Opportunity, OpportunityDetail, OpportunityList, PriceExplanation
from bet_intel.api.answers.subscriptions import (
    CreatedSubscription,
    Delivery,
    DeliveryAccepted,
    DeliveryList,
    Subscription,
    SubscriptionList,
)

__all__ = [
    "AsOf",
    "Bookmaker",
    "BookmakerAge",
    "BookmakerList",
    "BookmakerState",
    "Combination",
    "CombinationLeg",
    "CombinationList",
    "CreatedSubscription",
    "Credits",
    "Delivery",
    "DeliveryAccepted",
    "DeliveryList",
    "Event",
    "EventHistory",
    "EventList",
    "EventOdds",
    "EventRef",
    "FeedState",
    "Index",
    "LeagueCounts",
    "MarketOdds",
    "MarketRef",
    "NextCursor",
    "OddsFormatName",
    "Opportunity",
    "OpportunityDetail",
    "OpportunityList",
    "OutcomeOdds",
    "Peak",
    "PlacedStakes",
    "Price",
    "PriceChange",
    "PriceExplanation",
    "PricingDocument",
    "Probe",
    "ProviderState",
    "ReadModelState",
    "Refresh",
    "ServiceState",
    "SportCounts",
    "SportList",
    "Status",
    "Subscription",
    "SubscriptionList",
    "Window",
]
